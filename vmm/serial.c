/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serial.c: enough of a 16550A for a kernel's console: Linux's 8250 driver finds it and writes by polling.
 *
 * The transmitter is always empty, the receiver always too; no interrupt is ever pending, so the port has no interrupt
 * line. What drivers probe works as in the chip: the divisor behind DLAB, the scratch register, FIFO bits in IIR, and
 * the loop of MCR's lines to MSR. In loop mode output goes nowhere.
 * Reference: National Semiconductor PC16550D data sheet.
 */
#include "vmm/serial.h"

#include <linux/serial_reg.h>
#include <string.h>

void serial_init(struct serial *s, struct console *console)
{
	memset(s, 0, sizeof(*s));
	s->console = console;
	s->dll = 1; /* 115200 baud */
	pthread_mutex_init(&s->lock, NULL);
}

void serial_destroy(struct serial *s)
{
	pthread_mutex_destroy(&s->lock);
}

/* Lock held. Returns true if the byte is output. */
static bool serial_set(struct serial *s, unsigned reg, uint8_t value)
{
	bool divisor = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (!divisor)
			return !(s->mcr & UART_MCR_LOOP);
		s->dll = value;
		break;
	case UART_IER:
		if (divisor)
			s->dlm = value;
		else
			s->ier = value & 0x0f;
		break;
	case UART_FCR:
		s->fcr = value;
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		s->mcr = value & 0x1f;
		break;
	case UART_SCR:
		s->scr = value;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
	return false;
}

void serial_write(struct serial *s, unsigned reg, const uint8_t *bytes, size_t nr)
{
	bool output = false;

	pthread_mutex_lock(&s->lock);
	/* Output does not change the registers, so the first byte decides for all of a string to THR. */
	for (size_t i = 0; i < nr && !output; i++)
		output = serial_set(s, reg, bytes[i]);
	pthread_mutex_unlock(&s->lock);
	if (output)
		console_write(s->console, bytes, nr);
}

static uint8_t serial_msr(const struct serial *s)
{
	uint8_t msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

uint8_t serial_read(struct serial *s, unsigned reg)
{
	uint8_t value = 0;
	bool divisor;

	pthread_mutex_lock(&s->lock);
	divisor = s->lcr & UART_LCR_DLAB;
	switch (reg) {
	case UART_RX:
		value = divisor ? s->dll : 0;
		break;
	case UART_IER:
		value = divisor ? s->dlm : s->ier;
		break;
	case UART_IIR:
		value = UART_IIR_NO_INT | (s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
		break;
	case UART_LCR:
		value = s->lcr;
		break;
	case UART_MCR:
		value = s->mcr;
		break;
	case UART_LSR:
		value = UART_LSR_THRE | UART_LSR_TEMT;
		break;
	case UART_MSR:
		value = serial_msr(s);
		break;
	case UART_SCR:
		value = s->scr;
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&s->lock);
	return value;
}
