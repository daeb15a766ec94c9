/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serial.h: a 16550A serial port, output only, polled.
 */
#ifndef BALLAST_VMM_SERIAL_H
#define BALLAST_VMM_SERIAL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/console.h"

#define SERIAL_PORTS 8u

struct serial {
	struct console *console; /* borrowed */
	pthread_mutex_t lock;    /* guards the registers */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
};

void serial_init(struct serial *s, struct console *console);
void serial_destroy(struct serial *s);

/* nr one-byte writes to register reg (0 to 7), as "rep outsb" makes them. */
void serial_write(struct serial *s, unsigned reg, const uint8_t *bytes, size_t nr);
uint8_t serial_read(struct serial *s, unsigned reg);

#endif
