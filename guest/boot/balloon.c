/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.c: the way between the balloon driver and the host: a virtio balloon device.
 *
 * The host's wish is a number in the device's configuration; an interrupt says that it changed. A guest that sleeps is
 * woken by it. One that always works takes no interrupts, as they are on only while it sleeps: it looks every
 * few milliseconds whether one waits, in the local APIC, which is cheaper than asking the device.
 *
 * A device that gave up, because the host lost its trust in what is ballooned, is started again from nothing: the pages
 * are freed without telling, since the reset tells the host that none is the balloon's any more.
 *
 * Not started before the workload's first step: finding and starting it are some forty exits.
 * Reference: virtio 1.2, 5.5.
 */
#include "guest/boot/balloon.h"

#include <errno.h>
#include <string.h>

#include "guest/boot/interrupt.h"
#include "guest/boot/machine.h"
#include "guest/boot/text.h"

#define FEATURE_MUST_TELL_HOST 1u
#define FEATURE_STATS          2u
#define FEATURE_DEFLATE_ON_OOM 4u
#define FEATURE_REPORTING      32u

#define CONFIG_TARGET 0
#define CONFIG_ACTUAL 4

#define LOOK_NS 2000000u

static struct balloon_device *device_of(void *ctx)
{
	return ctx;
}

/* --- what the driver asks for ------------------------------------------------------------------------------------ */

static int port_tell(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr)
{
	struct balloon_device *d = device_of(ctx);
	uint32_t index = inflate ? BALLOON_QUEUE_INFLATE : BALLOON_QUEUE_DEFLATE;

	d->queue[index].desc[0] = (struct virtio_desc){.gpa = (uintptr_t)pfn,
						       .length = nr * (uint32_t)sizeof(pfn[0])};
	return virtio_request(d->gpa, index, &d->queue[index]);
}

static void port_actual(void *ctx, npages_t pages)
{
	virtio_config_write32(device_of(ctx)->gpa, CONFIG_ACTUAL, (uint32_t)pages);
}

static uint64_t port_now_ns(void *ctx)
{
	return clock_ns(device_of(ctx)->clock);
}

static const struct lab_balloon_port port = {
	.tell = port_tell,
	.actual = port_actual,
	.now_ns = port_now_ns,
};

/* A buffer for each run: the device may write what it likes there. */
static int port_report(void *ctx, const struct lab_report_run *run, unsigned nr)
{
	struct balloon_device *d = device_of(ctx);
	struct virtio_queue *q = &d->queue[BALLOON_QUEUE_REPORT];

	for (unsigned i = 0; i < nr; i++)
		q->desc[i] = (struct virtio_desc){
			.gpa = gpa_raw(gfn_to_gpa(run[i].first)),
			.length = run[i].nr * (uint32_t)PAGE_BYTES,
			.flags = i + 1 < nr ? VIRTIO_DESC_WRITE | VIRTIO_DESC_NEXT
					    : VIRTIO_DESC_WRITE,
			.next = (uint16_t)(i + 1),
		};
	return virtio_request(d->gpa, BALLOON_QUEUE_REPORT, q);
}

_Static_assert(LAB_REPORT_RUNS <= VIRTIO_QUEUE_MAX, "a report fits in its queue");

/* --- the device -------------------------------------------------------------------------------------------------- */

static void offer_stats(struct balloon_device *d)
{
	struct virtio_queue *q = &d->queue[BALLOON_QUEUE_STATS];

	lab_balloon_stats(&d->driver, d->stats);
	q->desc[0] = (struct virtio_desc){.gpa = (uintptr_t)d->stats, .length = sizeof(d->stats)};
	virtio_offer(d->gpa, BALLOON_QUEUE_STATS, q);
}

static void take_target(struct balloon_device *d)
{
	lab_balloon_set_target(&d->driver, virtio_config32(d->gpa, CONFIG_TARGET));
	d->wake_ns = 0;
}

static const char *start_device(struct balloon_device *d)
{
	uint32_t features;
	const char *wrong = virtio_negotiate(d->gpa, d->features, &features);

	memset(d->queue, 0, sizeof(d->queue));
	d->tells_stats = features & FEATURE_STATS;
	/* without statistics the queue has another number */
	d->reports = d->tells_stats && (features & FEATURE_REPORTING);
	for (uint32_t i = 0; i < BALLOON_QUEUES && !wrong; i++)
		if ((i != BALLOON_QUEUE_STATS || d->tells_stats) &&
		    (i != BALLOON_QUEUE_REPORT || d->reports))
			wrong = virtio_queue_start(d->gpa, i, &d->queue[i]);
	if (wrong)
		return wrong;
	virtio_go(d->gpa);
	lab_balloon_start(&d->driver, features & FEATURE_DEFLATE_ON_OOM);
	if (d->tells_stats)
		offer_stats(d);
	take_target(d);
	return NULL;
}

/* From here on there is a device that works, or none. */
static void start(struct balloon_device *d)
{
	const char *wrong = start_device(d);
	struct text t;

	if (!wrong)
		return;
	d->gpa = 0;
	t = text_start("the balloon device ");
	text_add(&t, wrong);
	text_print(&t);
}

static void find(struct balloon_device *d, const struct guest_options *options, struct pager *pager,
		 const struct clock *clock, bool *interrupts_ready)
{
	d->looked_for = true;
	if (!options->balloon_ppm)
		return;
	for (unsigned i = 0; i < options->nr_devices && !d->gpa; i++) {
		if (virtio_probe(options->device[i].gpa) != VIRTIO_ID_BALLOON)
			continue;
		d->gpa = options->device[i].gpa;
		d->irq = options->device[i].irq;
	}
	if (!d->gpa)
		return;
	d->clock = clock;
	interrupt_start(interrupts_ready);
	if (!interrupt_enable(d->irq, VECTOR_BALLOON)) {
		d->gpa = 0;
		return;
	}
	d->features = FEATURE_MUST_TELL_HOST | FEATURE_STATS | FEATURE_DEFLATE_ON_OOM |
		      (options->reporting ? FEATURE_REPORTING : 0);
	lab_report_init(&d->report, pager->frames, port_report, d);
	lab_balloon_init(&d->driver, pager, options->balloon_ppm, &port, d);
	start(d);
}

static void interrupted(struct balloon_device *d)
{
	d->interrupts = balloon_interrupt_count;
	if (d->tells_stats && virtio_done(&d->queue[BALLOON_QUEUE_STATS]))
		offer_stats(d);
	if (!(virtio_interrupt(d->gpa) & VIRTIO_INTERRUPT_CONFIG))
		return;
	if (virtio_needs_reset(d->gpa)) {
		lab_balloon_reset(&d->driver);
		start(d);
	} else {
		take_target(d);
	}
}

bool balloon_rang(const struct balloon_device *d)
{
	return d->gpa && d->interrupts != balloon_interrupt_count;
}

uint64_t balloon_serve(struct balloon_device *d, const struct guest_options *options,
		       struct pager *pager, const struct clock *clock, bool *interrupts_ready)
{
	uint64_t now, wake;

	if (!d->looked_for)
		find(d, options, pager, clock, interrupts_ready);
	if (!d->gpa)
		return UINT64_MAX;
	now = clock_ns(clock);
	if (now >= d->next_look_ns) {
		d->next_look_ns = now + LOOK_NS;
		if (interrupt_pending(VECTOR_BALLOON))
			wait_interrupt();
	}
	if (balloon_rang(d))
		interrupted(d);
	if (d->gpa && now >= d->wake_ns)
		d->wake_ns = lab_balloon_run(&d->driver);
	if (!d->gpa)
		return UINT64_MAX;
	wake = d->wake_ns;
	if (d->reports && wake > now) { /* what the host asks for comes first */
		uint64_t at = lab_report_run(&d->report, now);

		pager->stats->free_pages = pager->frames->free_pages;
		wake = at < wake ? at : wake;
	}
	return wake;
}

bool balloon_relieve(struct balloon_device *d)
{
	if (!d->gpa || !lab_balloon_oom(&d->driver))
		return false;
	d->wake_ns = 0;
	return true;
}
