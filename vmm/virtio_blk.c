/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_blk.c: block requests from a guest to a file.
 *
 * A request is a header of 16 bytes, data, and a status byte at the very end of what the device may write; how the
 * driver cuts it into descriptors means nothing. The header is copied once and only the copy is used.
 *
 * Data goes through a bounce buffer, a piece at a time: guest pages may be absent, and a system call on them would pin
 * them behind the memory manager's back; which pages a piece concerns is announced before. A request is as long as the guest likes; what bounds the work is that it must
 * lie inside the disk, and that it is abandoned between pieces when the VM stops or the driver takes the queue away.
 *
 * Status: IOERR for what is outside the disk, is no whole number of sectors, points outside guest memory (these are the
 * guest's, counted in guest_bad) or fails on the host (counted in errors); UNSUPP for unknown types. A request with no
 * room for a status byte goes back with nothing written.
 * Reference: virtio 1.2, 5.2.
 */
#include "vmm/virtio_blk.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ballast/types.h"
#include "lib/log.h"

#define BOUNCE_BYTES (VIRTIO_BLK_BOUNCE_PAGES * PAGE_BYTES)

enum { QUEUE_REQUESTS };

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
	return dev->state;
}

/* A transfer failed on the host: counted, and logged as rarely as a guest's errors. */
static uint8_t host_error(struct virtio_blk *blk, const char *what, uint64_t offset, int errnum)
{
	uint64_t count = atomic_fetch_add(&blk->errors, 1) + 1;

	errno = errnum;
	if (!(count & (count - 1)))
		log_warn("guest disk: %s at byte %llu failed: %m vm=%s count=%llu", what,
			 (unsigned long long)offset, blk->dev.bad->vm, (unsigned long long)count);
	return VIRTIO_BLK_S_IOERR;
}

/* pread or pwrite of all nr bytes. 0 or an errno. */
static int transfer(struct virtio_blk *blk, bool write, uint64_t offset, size_t nr)
{
	size_t done = 0;

	while (done < nr) {
		uint8_t *at = blk->bounce + done;
		off_t where = (off_t)(offset + done);
		ssize_t n = write ? pwrite(blk->fd, at, nr - done, where)
				  : pread(blk->fd, at, nr - done, where);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			return EIO; /* the file is shorter than the disk */
		done += (size_t)n;
	}
	return 0;
}

/* A status, or -ECANCELED: nobody waits for it any more. */
static int read_or_write(struct virtio_blk *blk, bool write, uint64_t sector, uint64_t bytes)
{
	struct virtqueue *q = &blk->dev.queue[QUEUE_REQUESTS];
	uint64_t nr_sectors = bytes / VIRTIO_BLK_SECTOR_BYTES;
	uint64_t start = sector * VIRTIO_BLK_SECTOR_BYTES;

	atomic_fetch_add(write ? &blk->writes : &blk->reads, 1);
	if (bytes % VIRTIO_BLK_SECTOR_BYTES || nr_sectors > blk->sectors ||
	    sector > blk->sectors - nr_sectors) {
		guest_bad_note(blk->dev.bad,
			       "blk: %llu bytes at sector %llu: outside the disk's %llu sectors, "
			       "refused",
			       (unsigned long long)bytes, (unsigned long long)sector,
			       (unsigned long long)blk->sectors);
		return VIRTIO_BLK_S_IOERR;
	}
	for (uint64_t done = 0; done < bytes;) {
		size_t nr = bytes - done < BOUNCE_BYTES ? (size_t)(bytes - done) : BOUNCE_BYTES;
		int failed = 0, bad = 0;

		if (virtio_device_leaving(&blk->dev))
			return -ECANCELED;
		if (write) {
			uint64_t from = sizeof(struct virtio_blk_outhdr) + done;

			virtqueue_chain_announce(q, &blk->chain, false, from, nr);
			bad = virtqueue_chain_read(q, &blk->chain, from, blk->bounce, nr);
		}
		if (!bad)
			failed = transfer(blk, write, start + done, nr);
		if (!bad && !failed && !write) {
			virtqueue_chain_announce(q, &blk->chain, true, done, nr);
			bad = virtqueue_chain_write(q, &blk->chain, done, blk->bounce, nr);
		}
		if (failed)
			return host_error(blk, write ? "write" : "read", start + done, failed);
		if (bad) {
			guest_bad_note(blk->dev.bad, "blk: data outside guest memory, refused");
			return VIRTIO_BLK_S_IOERR;
		}
		done += nr;
	}
	return VIRTIO_BLK_S_OK;
}

static int get_id(struct virtio_blk *blk, uint64_t room)
{
	size_t nr = room < sizeof(blk->id) ? (size_t)room : sizeof(blk->id);

	if (virtqueue_chain_write(&blk->dev.queue[QUEUE_REQUESTS], &blk->chain, 0, blk->id, nr)) {
		guest_bad_note(blk->dev.bad, "blk: data outside guest memory, refused");
		return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

/* The request in blk->chain, which has room for a status. A status, or -ECANCELED. */
static int request(struct virtio_blk *blk)
{
	const struct virtqueue_chain *c = &blk->chain;
	struct virtio_blk_outhdr header;

	if (c->readable_bytes < sizeof(header) ||
	    virtqueue_chain_read(&blk->dev.queue[QUEUE_REQUESTS], c, 0, &header, sizeof(header))) {
		guest_bad_note(blk->dev.bad, "blk: no request header, refused");
		return VIRTIO_BLK_S_IOERR;
	}
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		return read_or_write(blk, false, header.sector, c->writable_bytes - 1);
	case VIRTIO_BLK_T_OUT:
		return read_or_write(blk, true, header.sector, c->readable_bytes - sizeof(header));
	case VIRTIO_BLK_T_FLUSH:
		return fdatasync(blk->fd) ? host_error(blk, "flush", 0, errno) : VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return get_id(blk, c->writable_bytes - 1);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static int blk_serve(struct virtio_device *dev, unsigned queue)
{
	struct virtio_blk *blk = blk_of(dev);
	struct virtqueue_chain *c = &blk->chain;
	int status, ret = virtqueue_pop(&dev->queue[queue], c);
	uint64_t written;
	uint8_t byte;

	if (ret == -EBADMSG)
		guest_bad_note(dev->bad, "blk: malformed descriptor chain, dropped");
	if (ret <= 0)
		return ret == -EBADMSG ? 1 : ret;
	if (!c->writable_bytes) {
		guest_bad_note(dev->bad, "blk: request without room for a status, dropped");
		ret = virtio_device_complete(dev, queue, c->head, 0);
		return ret ? ret : 1;
	}
	status = request(blk);
	if (status < 0)
		return 0; /* nobody waits for an answer */
	byte = (uint8_t)status;
	if (virtqueue_chain_write(&dev->queue[queue], c, c->writable_bytes - 1, &byte, 1))
		guest_bad_note(dev->bad, "blk: status outside guest memory, dropped");
	/* What is written counts from the start, so a failed read, whose data is undefined, counts as all of it. */
	written = c->writable_bytes < UINT32_MAX ? c->writable_bytes : UINT32_MAX;
	ret = virtio_device_complete(dev, queue, c->head, (uint32_t)written);
	return ret ? ret : 1;
}

static void blk_config_read(struct virtio_device *dev, uint32_t offset, void *to, size_t nr)
{
	const struct virtio_blk_config config = {
		.capacity = blk_of(dev)->sectors,
		.seg_max = VIRTIO_BLK_QUEUE_SIZE - 2, /* header and status have their own */
	};

	if (offset >= sizeof(config))
		return;
	if (nr > sizeof(config) - offset)
		nr = sizeof(config) - offset;
	memcpy(to, (const uint8_t *)&config + offset, nr);
}

static const struct virtio_device_ops blk_ops = {
	.name = "blk",
	.device_id = VIRTIO_ID_BLOCK,
	.features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_FLUSH,
	.nr_queues = 1,
	.queue_size_max = VIRTIO_BLK_QUEUE_SIZE,
	.serve = blk_serve,
	.config_read = blk_config_read,
};

int virtio_blk_init(struct virtio_blk *blk, int fd, uint64_t disk_bytes, const char *name,
		    const struct guest_memory *memory, struct guest_bad *bad,
		    const atomic_bool *stop, struct error *error)
{
	void *bounce;

	memset(blk, 0, sizeof(*blk));
	if (posix_memalign(&bounce, PAGE_BYTES, BOUNCE_BYTES))
		return error_host(error, ENOMEM, "%s: disk buffer", name);
	blk->bounce = bounce;
	blk->fd = fd;
	blk->sectors = disk_bytes / VIRTIO_BLK_SECTOR_BYTES;
	memcpy(blk->id, name, strnlen(name, sizeof(blk->id)));
	virtio_device_init(&blk->dev, &blk_ops, blk, memory, bad, stop);
	return 0;
}

void virtio_blk_destroy(struct virtio_blk *blk)
{
	virtio_device_destroy(&blk->dev);
	free(blk->bounce);
	blk->bounce = NULL;
}
