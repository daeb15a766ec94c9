/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_serial_test.c: the 16550's registers, and the console log behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/serial.h"

struct fixture {
	int fd; /* the test's own */
	struct console console;
	struct serial serial;
	char text[16384];
};

static int setup_limit(void **state, uint64_t limit)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fd = memfd_create("console", MFD_CLOEXEC);
	console_init(&f->console, dup(f->fd), limit);
	serial_init(&f->serial, &f->console);
	*state = f;
	return f->fd < 0;
}

static int setup(void **state)
{
	return setup_limit(state, CONSOLE_LIMIT_BYTES);
}

static int setup_small(void **state)
{
	return setup_limit(state, 100);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	console_close(&f->console);
	serial_destroy(&f->serial);
	close(f->fd);
	free(f);
	return 0;
}

static void say(struct fixture *f, const char *text)
{
	serial_write(&f->serial, UART_TX, (const uint8_t *)text, strlen(text));
}

static void put(struct fixture *f, unsigned reg, uint8_t value)
{
	serial_write(&f->serial, reg, &value, 1);
}

static const char *log_text(struct fixture *f)
{
	ssize_t n = pread(f->fd, f->text, sizeof(f->text) - 1, 0);

	assert_true(n >= 0);
	f->text[n] = '\0';
	return f->text;
}

static void test_lines(void **state)
{
	struct fixture *f = *state;

	say(f, "one");
	assert_string_equal(log_text(f), "");
	say(f, " line\nand ");
	assert_string_equal(log_text(f), "one line\n");
	say(f, "more\nthan\none\nend");
	assert_string_equal(log_text(f), "one line\nand more\nthan\none\n");
	console_note(&f->console, "[note]\n");
	assert_string_equal(log_text(f), "one line\nand more\nthan\none\nend\n[note]\n");
	say(f, "last");
	console_close(&f->console);
	assert_string_equal(log_text(f), "one line\nand more\nthan\none\nend\n[note]\nlast");
	console_init(&f->console, -1, 0);
}

/* A line longer than the buffer comes out in pieces, complete. */
static void test_long_line(void **state)
{
	struct fixture *f = *state;
	char line[10001];

	for (unsigned i = 0; i < 10000; i++)
		line[i] = (char)('a' + i % 26);
	line[10000] = '\0';
	say(f, line);
	say(f, "\n");
	assert_int_equal(strlen(log_text(f)), 10001);
	assert_memory_equal(f->text, line, 10000);
	assert_true(f->console.written_bytes == 10001);
}

static void test_limit(void **state)
{
	static const char tail[] = "[ballast: console log truncated at 100 bytes]\n";
	struct fixture *f = *state;
	const char *text;

	for (unsigned i = 0; i < 1000; i++)
		say(f, "0123456\n"); /* 8 bytes: 12.5 of them fit */
	text = log_text(f);
	assert_int_equal(strlen(text), 100 + 1 + strlen(tail));
	assert_memory_equal(text + 96, "0123\n", 5);
	assert_string_equal(text + 101, tail);
	assert_true(f->console.written_bytes == 100);
	assert_true(f->console.dropped_bytes == 8000 - 100);
	console_note(&f->console, "[crashed]\n");
	assert_non_null(strstr(log_text(f), "truncated at 100 bytes]\n[crashed]\n"));
}

/* The log cannot be written: the guest does not notice. */
static void test_full_disk(void **state)
{
	struct fixture *f = *state;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (full < 0)
		skip();
	dup2(full, f->console.fd);
	close(full);
	say(f, "lost\n");
	say(f, "lost too\n");
	console_note(&f->console, "[and this]\n");
	assert_true(f->console.written_bytes == 0);
	assert_true(f->console.dropped_bytes == 5 + 9);
	assert_int_equal(f->console.used, 0);
	assert_int_equal(serial_read(&f->serial, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

static void test_registers(void **state)
{
	struct fixture *f = *state;
	struct serial *s = &f->serial;

	assert_int_equal(serial_read(s, UART_LSR), 0x60);
	assert_int_equal(serial_read(s, UART_RX), 0);
	assert_int_equal(serial_read(s, UART_IIR), 0x01);
	put(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(serial_read(s, UART_IIR), 0xc1);
	put(f, UART_IER, 0xff);
	assert_int_equal(serial_read(s, UART_IER), 0x0f); /* the upper half is not there */
	put(f, UART_SCR, 0xa5);
	assert_int_equal(serial_read(s, UART_SCR), 0xa5);
	put(f, UART_LSR, 0);
	assert_int_equal(serial_read(s, UART_LSR), 0x60);
	/* divisor: 9600 baud */
	put(f, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	put(f, UART_DLL, 12);
	put(f, UART_DLM, 3);
	assert_int_equal(serial_read(s, UART_DLL), 12);
	assert_int_equal(serial_read(s, UART_DLM), 3);
	put(f, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(serial_read(s, UART_LCR), UART_LCR_WLEN8);
	assert_int_equal(serial_read(s, UART_IER), 0x0f);
	say(f, "ok\n");
	assert_string_equal(log_text(f), "ok\n"); /* the divisor was no output */
}

/* The loop Linux looks for a port with: lines of MCR come back in MSR, output does not come out. */
static void test_loop(void **state)
{
	struct fixture *f = *state;

	put(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(serial_read(&f->serial, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	put(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	assert_int_equal(serial_read(&f->serial, UART_MSR) & 0xf0, UART_MSR_RI | UART_MSR_DSR);
	say(f, "hidden\n");
	assert_string_equal(log_text(f), "");
	put(f, UART_MCR, 0);
	assert_int_equal(serial_read(&f->serial, UART_MSR),
			 UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup_small, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
