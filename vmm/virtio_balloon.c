/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon.c: the device: features, configuration, statistics, and what the host can ask of it. What the guest gives
 * up and takes back is in virtio_balloon_pages.c.
 *
 * Statistics come in a buffer that the device keeps. Giving it back asks for new ones; they come in the same buffer.
 *
 * Queues: 0 inflate, 1 deflate, 2 statistics, then hinting, which is not offered, and reporting. By the standard reporting
 * is number 4; Linux and QEMU leave no gaps and make it 3, or 2 without statistics. All of these are understood. A guest
 * that counts on the content of free pages (VIRTIO_BALLOON_F_PAGE_POISON with another value than 0) keeps them.
 *
 * No lock is held while guest memory is touched, which may sleep. An inner one guards what the host reads and writes, so
 * that asking for the target or the figures never waits for a guest.
 * Reference: virtio 1.2, 5.5; Linux drivers/virtio/virtio_balloon.c for how it is used.
 */
#include "vmm/virtio_balloon_internal.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <string.h>

#define STATS_MAX 64u /* tags looked at in one buffer */

#define FEATURE(bit) (1ull << VIRTIO_BALLOON_F_##bit)

static struct virtio_balloon *balloon_of(struct virtio_device *dev)
{
	return dev->state;
}

npages_t virtio_balloon_guest_pages(const struct virtio_balloon *b)
{
	npages_t pages = (b->layout->low_bytes + b->layout->high_bytes) >> PAGE_SHIFT_BITS;

	return pages < UINT32_MAX ? pages : UINT32_MAX;
}

void virtio_balloon_add(struct virtio_balloon *b, uint64_t *counter, uint64_t n)
{
	pthread_mutex_lock(&b->lock);
	*counter += n;
	pthread_mutex_unlock(&b->lock);
}

bool virtio_balloon_take(struct virtio_balloon *b, unsigned queue, int *result)
{
	int ret = virtqueue_pop(&b->dev.queue[queue], &b->chain);

	if (ret == -EBADMSG)
		guest_bad_note(b->dev.bad, "balloon: malformed descriptor chain, dropped");
	*result = ret == -EBADMSG ? 1 : ret;
	return ret == 1;
}

int virtio_balloon_give_back(struct virtio_balloon *b, unsigned queue, uint16_t head)
{
	int ret = virtio_device_complete(&b->dev, queue, head, 0);

	return ret ? ret : 1;
}

/* --- statistics -------------------------------------------------------------------------------------------------- */

static void note_stats(struct virtio_balloon *b, unsigned queue)
{
	struct virtio_balloon_stat stat[STATS_MAX];
	uint64_t nr = b->chain.readable_bytes / sizeof(stat[0]);
	uint64_t now = b->ops->now_ns(b->ctx);

	if (nr > STATS_MAX || b->chain.readable_bytes % sizeof(stat[0]))
		guest_bad_note(b->dev.bad, "balloon: %llu bytes of statistics, cut",
			       (unsigned long long)b->chain.readable_bytes);
	if (nr > STATS_MAX)
		nr = STATS_MAX;
	if (virtqueue_chain_read(&b->dev.queue[queue], &b->chain, 0, stat, nr * sizeof(stat[0]))) {
		guest_bad_note(b->dev.bad, "balloon: statistics outside guest memory, dropped");
		return;
	}
	pthread_mutex_lock(&b->lock);
	b->stats.stats_updates++;
	b->stats.stats_actual_pages = b->stats.actual_pages;
	for (uint64_t i = 0; i < nr; i++) {
		if (stat[i].tag >= VM_BALLOON_TAGS) {
			b->stats.stats_unknown++;
			continue;
		}
		b->stats.stat[stat[i].tag] =
			(struct vm_balloon_stat){.known = true, .value = stat[i].val};
		b->stat_ns[stat[i].tag] = now;
	}
	pthread_mutex_unlock(&b->lock);
}

static int serve_stats(struct virtio_balloon *b, unsigned queue)
{
	bool held = b->stats_held;
	uint16_t head = b->stats_head;
	int ret;

	if (virtio_balloon_take(b, queue, &ret)) {
		note_stats(b, queue);
		atomic_store(&b->stats_wanted, false); /* these are fresh */
		b->stats_head = b->chain.head;
		b->stats_held = true;
		if (!held)
			return 1;
		guest_bad_note(b->dev.bad, "balloon: a second buffer of statistics, first dropped");
		return virtio_balloon_give_back(b, queue, head);
	}
	if (ret || !held || !atomic_exchange(&b->stats_wanted, false))
		return ret;
	b->stats_held = false;
	return virtio_balloon_give_back(b, queue, head);
}

/* --- the device -------------------------------------------------------------------------------------------------- */

static int balloon_serve(struct virtio_device *dev, unsigned queue)
{
	struct virtio_balloon *b = balloon_of(dev);

	if (queue < VIRTIO_BALLOON_STATS)
		return virtio_balloon_serve_pages(b, queue);
	if (queue == VIRTIO_BALLOON_STATS && (dev->driver_features & FEATURE(STATS_VQ)))
		return serve_stats(b, queue);
	if (dev->driver_features & FEATURE(REPORTING))
		return virtio_balloon_serve_reports(b, queue);
	guest_bad_note(dev->bad, "balloon: queue %u was not agreed on, ignored", queue);
	return 0;
}

static void balloon_config_read(struct virtio_device *dev, uint32_t offset, void *to, size_t nr)
{
	struct virtio_balloon *b = balloon_of(dev);
	struct virtio_balloon_config config = {.poison_val = atomic_load(&b->poison)};

	pthread_mutex_lock(&b->lock);
	config.num_pages = (uint32_t)b->stats.target_pages;
	config.actual = (uint32_t)b->stats.actual_pages;
	pthread_mutex_unlock(&b->lock);
	if (offset >= sizeof(config))
		return;
	if (nr > sizeof(config) - offset)
		nr = sizeof(config) - offset;
	memcpy(to, (const uint8_t *)&config + offset, nr);
}

/* True if [offset, offset + nr) is in the field at where, and then it is written. */
static bool write_field(uint32_t *field, size_t where, uint32_t offset, const void *from, size_t nr)
{
	if (offset < where || nr > sizeof(*field) || offset - where > sizeof(*field) - nr)
		return false;
	memcpy((uint8_t *)field + (offset - where), from, nr);
	return true;
}

static void balloon_config_write(struct virtio_device *dev, uint32_t offset, const void *from,
				 size_t nr)
{
	struct virtio_balloon *b = balloon_of(dev);
	uint32_t actual, poison;
	bool written;

	pthread_mutex_lock(&b->lock);
	actual = (uint32_t)b->stats.actual_pages;
	written = write_field(&actual, offsetof(struct virtio_balloon_config, actual), offset, from,
			      nr);
	b->stats.actual_pages = actual;
	pthread_mutex_unlock(&b->lock);
	if (!written && (dev->driver_features & FEATURE(PAGE_POISON))) {
		poison = atomic_load(&b->poison);
		written = write_field(&poison, offsetof(struct virtio_balloon_config, poison_val),
				      offset, from, nr);
		atomic_store(&b->poison, poison);
	}
	if (!written)
		guest_bad_note(dev->bad,
			       "balloon: write of %zu bytes at configuration byte %u, "
			       "ignored",
			       nr, offset);
}

static void balloon_started(struct virtio_device *dev)
{
	struct virtio_balloon *b = balloon_of(dev);

	pthread_mutex_lock(&b->lock);
	b->stats.deflate_on_oom = dev->driver_features & FEATURE(DEFLATE_ON_OOM);
	b->stats.reporting = dev->driver_features & FEATURE(REPORTING);
	b->stats.tells_stats = dev->driver_features & FEATURE(STATS_VQ);
	pthread_mutex_unlock(&b->lock);
}

static void balloon_reset(struct virtio_device *dev)
{
	struct virtio_balloon *b = balloon_of(dev);
	bool ran = atomic_load(&dev->status) & VIRTIO_CONFIG_S_DRIVER_OK;

	b->stats_held = false;
	atomic_store(&b->poison, 0);
	atomic_store(&b->stats_wanted, false);
	pthread_mutex_lock(&b->lock);
	b->stats.actual_pages = 0;
	b->stats.deflate_on_oom = b->stats.reporting = b->stats.tells_stats = false;
	b->stats.resets += ran;
	memset(b->stats.stat, 0, sizeof(b->stats.stat));
	pthread_mutex_unlock(&b->lock);
	if (ran && b->ops->forget)
		b->ops->forget(b->ctx);
}

static const struct virtio_device_ops balloon_ops = {
	.name = "balloon",
	.device_id = VIRTIO_ID_BALLOON,
	.features = FEATURE(MUST_TELL_HOST) | FEATURE(STATS_VQ),
	.nr_queues = VIRTIO_BALLOON_QUEUES,
	.queue_size_max = VIRTIO_BALLOON_QUEUE_SIZE,
	.serve = balloon_serve,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.started = balloon_started,
	.reset = balloon_reset,
};

void virtio_balloon_init(struct virtio_balloon *b, const struct vm_balloon_config *config,
			 const struct guest_layout *layout, const struct virtio_balloon_ops *ops,
			 void *ctx, const struct guest_memory *memory, struct guest_bad *bad,
			 const atomic_bool *stop)
{
	memset(b, 0, sizeof(*b));
	b->device_ops = balloon_ops;
	if (config->deflate_on_oom)
		b->device_ops.features |= FEATURE(DEFLATE_ON_OOM);
	if (config->reporting)
		b->device_ops.features |= FEATURE(REPORTING) | FEATURE(PAGE_POISON);
	b->layout = layout;
	b->ops = ops;
	b->ctx = ctx;
	b->stats.present = true;
	pthread_mutex_init(&b->lock, NULL);
	virtio_device_init(&b->dev, &b->device_ops, b, memory, bad, stop);
}

void virtio_balloon_destroy(struct virtio_balloon *b)
{
	virtio_device_destroy(&b->dev);
	pthread_mutex_destroy(&b->lock);
}

void virtio_balloon_set_target(struct virtio_balloon *b, npages_t pages)
{
	bool changed;

	if (pages > virtio_balloon_guest_pages(b))
		pages = virtio_balloon_guest_pages(b);
	pthread_mutex_lock(&b->lock);
	changed = b->stats.target_pages != pages;
	b->stats.target_pages = pages;
	pthread_mutex_unlock(&b->lock);
	if (changed)
		virtio_device_config_changed(&b->dev);
}

static bool driver_runs(struct virtio_balloon *b)
{
	const unsigned mask =
		VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;

	return (atomic_load(&b->dev.status) & mask) == VIRTIO_CONFIG_S_DRIVER_OK;
}

void virtio_balloon_get(struct virtio_balloon *b, struct vm_balloon_stats *out)
{
	uint64_t now = b->ops->now_ns(b->ctx);

	pthread_mutex_lock(&b->lock);
	*out = b->stats;
	for (unsigned i = 0; i < VM_BALLOON_TAGS; i++)
		if (out->stat[i].known && now > b->stat_ns[i])
			out->stat[i].age_ns = now - b->stat_ns[i];
	pthread_mutex_unlock(&b->lock);
	out->driver = driver_runs(b);
}

void virtio_balloon_need_reset(struct virtio_balloon *b)
{
	if (virtio_device_need_reset(&b->dev))
		virtio_balloon_add(b, &b->stats.reset_calls, 1);
}

bool virtio_balloon_want_stats(struct virtio_balloon *b)
{
	bool late = false, tells;

	pthread_mutex_lock(&b->lock);
	tells = b->stats.tells_stats && driver_runs(b);
	if (tells) {
		late = atomic_exchange(&b->stats_wanted, true);
		b->stats.stats_polls++;
		b->stats.stats_late += late;
	}
	pthread_mutex_unlock(&b->lock);
	return tells;
}
