/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm.c: the manager's life: the machine, its VMs, time, stopping, and what it reports.
 */
#include <string.h>

#include "mm/why.h"

static size_t map_bytes(const struct mm_config *c)
{
	return (c->swap_pages + 63) / 64 * sizeof(uint64_t);
}

uint32_t mm_stages(void)
{
	return MM_STAGES;
}

uint32_t mm_read_stages(void)
{
	return MM_READ_STAGES;
}

static bool config_is_sane(const struct mm_config *c)
{
	npages_t level[MM_STATES];

	for (unsigned i = 0; i + 1 < MM_STATES; i++)
		if (c->state_ppm[i] < c->state_ppm[i + 1])
			return false;
	/* with all VMs at their targets one that grows must find a page: paging starts when it is taken */
	mm_thresholds(c, c->memory_pages, level);
	if (level[MM_HIGH] <= level[MM_LOW])
		return false;
	return c->pager && c->compress_ppm <= PPM && c->ahead_most <= MM_CLUSTER_PAGES &&
	       c->max_vms && c->max_vms < 1u << 14 && c->tax_ppm <= TARGET_TAX_PPM_MAX &&
	       c->sample_slow_ppm <= PPM && c->sample_fast_ppm <= PPM &&
	       c->state_ppm[MM_HIGH] < PPM + c->states_sliding && c->swap_pages < SLOT_DROPPED &&
	       c->memory_pages < UINT32_MAX;
}

static uint32_t most_at_once(const struct mm_config *config)
{
	return config->most_at_once ? config->most_at_once : config->max_vms;
}

int do_create(const struct mm_config *config, const struct mm_body_ops *ops, void *body,
	      struct mm **out)
{
	struct mm *m;

	*out = NULL;
	if (!config_is_sane(config) || config->most_at_once > config->max_vms ||
	    mm_least_memory_pages(config, most_at_once(config), 0) > config->memory_pages)
		return -22; /* -EINVAL; errno.h is the host's */
	m = ops->zalloc(body, MM_VM_NONE, sizeof *m);
	if (!m)
		return -12;
	m->config = *config;
	if (!config->policy)
		m->config.policy = &target_proportional;
	m->ops = ops;
	m->body = body;
	m->metadata_bytes = sizeof *m;
	m->now_ns = m->rebalanced_ns = m->gave_back_ns = config->start_ns;
	m->reserve = mm_reserve_pages(config);
	m->peak_used = m->reserve;
	m->swap.capacity_pages = config->swap_pages;
	mm_levels_init(m);
	m->told.entered[MM_HIGH] = 1; /* nothing to tell of that */
	m->state_since_ns = m->now_ns;
	for (unsigned i = 0; i < MM_IOS; i++)
		io_put(m, &m->io[i]);
	m->vm = mm_zalloc(m, MM_VM_NONE, config->max_vms * sizeof *m->vm);
	if (!m->vm)
		goto fail;
	if (config->swap_pages) {
		m->owner = mm_zalloc(m, MM_VM_NONE, config->swap_pages * sizeof *m->owner);
		m->slot_map = mm_zalloc(m, MM_VM_NONE, map_bytes(config));
		if (!m->owner || !m->slot_map)
			goto fail;
	}
	m->event = mm_zalloc(m, MM_VM_NONE, event_bytes(config));
	if (!m->event || share_init(m) || targets_init(m))
		goto fail;
	*out = m;
	return 0;
fail:
	do_destroy(m);
	return -12;
}

/* No page of it exists any more. */
static void page_records_free(struct mm *m, struct mm_vm *v)
{
	mm_free(m, vm_id(m, v), v->page, v->nr_gfns * sizeof *v->page);
	mm_free(m, vm_id(m, v), v->policy, m->config.pager->bytes(v->nr_gfns, v->nr_gfns));
	double_vm_free(m, v);
	compress_vm_free(m, v);
	v->page = NULL;
	v->policy = NULL;
	v->nr_gfns = 0;
}

static void vm_records_free(struct mm *m, uint32_t vm)
{
	page_records_free(m, &m->vm[vm]);
	sample_vm_free(m, &m->vm[vm]);
}

void do_destroy(struct mm *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; m->vm && i < m->top_vm; i++)
		if (m->vm[i].in_use)
			vm_records_free(m, i);
	share_free(m);
	targets_free(m);
	page_trace_free(m);
	mm_free(m, MM_VM_NONE, m->event, event_bytes(&m->config));
	mm_free(m, MM_VM_NONE, m->slot_map, map_bytes(&m->config));
	mm_free(m, MM_VM_NONE, m->owner, m->config.swap_pages * sizeof *m->owner);
	mm_free(m, MM_VM_NONE, m->vm, m->config.max_vms * sizeof *m->vm);
	m->ops->free(m->body, MM_VM_NONE, m, sizeof *m);
}

bool mm_least_fits(const struct mm *m, const struct mm_vm *but, const struct mm_vm_config *with)
{
	npages_t sum = mm_vm_least_pages(with);

	for (uint32_t i = 0; i < m->top_vm; i++)
		if (vm_takes_part(&m->vm[i]) && &m->vm[i] != but)
			sum += mm_vm_least_pages(&m->vm[i].config);
	return sum <= mm_target_sum(m);
}

int do_vm_add(struct mm *m, uint32_t vm, const struct mm_vm_config *config, uint64_t now_ns)
{
	uint64_t hole = config->hole_end - config->hole_start;
	struct mm_vm *v;

	if (vm >= m->config.max_vms || m->vm[vm].in_use)
		return -17;
	if (!config->pages || config->hole_end < config->hole_start ||
	    config->pages + hole >= UINT32_MAX)
		return -22;
	if (m->nr_vms >= most_at_once(&m->config) || !mm_least_fits(m, NULL, config))
		return -28;
	mm_enter(m, now_ns);
	v = &m->vm[vm];
	*v = (struct mm_vm){.config = *config, .nr_gfns = (uint32_t)(config->pages + hole)};
	v->rng = rng_seeded(rng_mix(m->config.seed) + vm);
	v->ahead_window = m->config.ahead_most == 1 ? 1 : 2;
	refault_vm_added(v);
	memset(v->guard, 0xff, sizeof v->guard);
	v->count[PAGE_UNTOUCHED] = config->pages;
	v->page = mm_zalloc(m, vm, v->nr_gfns * sizeof *v->page);
	v->policy = mm_zalloc(m, vm, m->config.pager->bytes(v->nr_gfns, v->nr_gfns));
	if (!v->page || !v->policy || sample_vm_added(m, v) || double_vm_added(m, v) ||
	    compress_vm_added(m, v) ||
	    m->config.pager->init(v->policy, v->nr_gfns, v->nr_gfns, &v->rng)) {
		vm_records_free(m, vm);
		*v = (struct mm_vm){.in_use = false}; /* as if it was never tried */
		return -12;
	}
	v->in_use = true;
	share_vm_added(m, vm);
	m->nr_vms++;
	m->top_vm = vm + 1 > m->top_vm ? vm + 1 : m->top_vm;
	mm_targets(m);
	event_vm_added(m, v);
	mm_leave(m);
	return 0;
}

static void page_forget(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->state == PAGE_SAMPLED)
		stage_drop_put(m, &(stage_t){p->stage}, 1);
	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	if (p->state == PAGE_SHARED)
		share_let_go(m, v, g);
	if (p->state == PAGE_COMPRESSED)
		compress_let_go(m, v, g);
	if (p->state == PAGE_RESIDENT || p->state == PAGE_SAMPLED)
		m->config.pager->removed(v->policy, g, POLICY_GONE);
	if (p->state != PAGE_UNTOUCHED) {
		because(m, MM_WHY_VM_ENDED, 0);
		page_move(m, v, g, PAGE_UNTOUCHED);
	}
	*p = (struct page){.state = PAGE_UNTOUCHED};
}

/* Requests under way go on without their VM. A frame that is being written becomes nobody's the moment it is no longer
 * the VM's: it is never counted twice. */
static void disown_requests(struct mm *m, uint32_t vm)
{
	struct mm_vm *v = &m->vm[vm];

	for (unsigned i = 0; i < MM_IOS; i++) {
		struct mm_io *io = &m->io[i];

		for (uint32_t k = 0; k < io->nr; k++) {
			if (io->page[k].vm != vm)
				continue;
			io->page[k].vm = MM_VM_NONE;
			if (!io->write || io->cached)
				continue;
			const struct page *p = &v->page[io->page[k].gfn];
			if (p->state == PAGE_LEAVING && p->stage == io->stage[k].v) {
				page_forget(m, v, io->page[k].gfn);
				m->orphans++;
			} else {
				io->page[k].vm = IO_CAME_BACK;
			}
		}
	}
}

void do_vm_end(struct mm *m, uint32_t vm, uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];

	if (!v->in_use || v->ended)
		return;
	mm_enter(m, now_ns);
	m->call = MM_CALL_VM_END;
	event_vm_ended(m, v);
	m->ops->discard_all(m->body, vm);
	ahead_forget_vm(m, vm);
	disown_requests(m, vm);
	for (uint32_t g = 0; g < v->nr_gfns; g++) {
		const struct page *p = &v->page[g];

		if (page_exists(v, g) && (p->state != PAGE_UNTOUCHED || p->flags))
			page_forget(m, v, g);
	}
	m->nr_waiting -= v->nr_waiting;
	v->nr_waiting = 0;
	v->nr_probation = 0;
	v->sample.running = false;
	balloon_forget(m, v);
	share_vm_ended(m, vm);
	page_records_free(m, v);
	v->pinned = 0;
	v->ended = true;
	m->nr_vms--;
	mm_targets(m);
	v->target = 0;
	fault_serve_waiting(m);
	mm_leave(m);
}

void do_vm_doom(struct mm *m, uint32_t vm, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	m->vm[vm].doomed = true;
	fault_serve_waiting(m);
	mm_leave(m);
}

void do_start(struct mm *m, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	memset(m->state_ns, 0, sizeof m->state_ns);
	m->started = true;
	said_restart(m);
	mm_targets(m);
	mm_leave(m);
}

bool mm_idle(const struct mm *m)
{
	return m->nr_io_idle == MM_IOS;
}

void do_tick(struct mm *m, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	m->call = MM_CALL_TICK;
	sample_tick(m);
	said_tick(m);
	if (targets_due(m))
		mm_targets(m);
	balloon_aim(m);
	fault_serve_waiting(m);
	events_tell(m, false);
	mm_leave(m);
}

void do_stop(struct mm *m, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	if (!m->stopping) {
		events_tell(m, true);
		m->reserve -= MM_STOP_PAGES;
	}
	m->stopping = true;
	fault_serve_waiting(m);
	mm_leave(m);
}

void do_host_stats(struct mm *m, uint64_t now_ns, struct mm_host_stats *out)
{
	mm_enter(m, now_ns);
	*out = (struct mm_host_stats){
		.memory_pages = m->config.memory_pages,
		.reserve_pages = m->reserve,
		.used_pages = mm_used(m),
		.peak_used_pages = m->peak_used,
		.free_pages = mm_free_pages(m),
		.metadata_bytes = m->metadata_bytes,
		.state = m->state,
		.swap = m->swap,
	};
	memcpy(out->state_ns, m->state_ns, sizeof out->state_ns);
	memcpy(out->state_entered, m->state_entered, sizeof out->state_entered);
	memcpy(out->reclaimed, m->reclaimed, sizeof out->reclaimed);
	out->swap.used_pages = m->slots_used;
	out->pool_pages = m->pool;
	share_stats(m, &out->share);
	compress_stats(m, &out->compress);
}

void do_vm_stats(struct mm *m, uint32_t vm, uint64_t now_ns, struct mm_vm_stats *out)
{
	const struct mm_vm *v = &m->vm[vm];

	mm_enter(m, now_ns);
	*out = (struct mm_vm_stats){
		.vm = vmid(vm),
		.configured_pages = v->config.pages,
		.min_pages = v->config.min_pages,
		.shares = v->config.shares,
		.target_pages = v->target,
		.active_known = v->sample.gfn != NULL,
		.active_pages = v->active,
		.sample_periods = v->sample.periods,
		.sample_drawn = v->sample.drawn,
		.sample_touched = v->sample.touched,
		.sample_last_ppm = v->sample.last_ppm,
		.sample_slow_ppm = v->sample.slow_ppm,
		.sample_fast_ppm = v->sample.fast_ppm,
		.estimator = m->config.estimator,
		.refaults = v->refault.back,
		.refault_beyond = v->refault.beyond,
		.refault_pages = refault_pages(v),
		.resident_pages = vm_resident(v),
		.swapped_pages = v->count[PAGE_SWAPPED],
		.compressed_pages = v->count[PAGE_COMPRESSED],
		.untouched_pages = v->count[PAGE_UNTOUCHED],
		.shared_pages = v->count[PAGE_SHARED],
		.shared_zero_pages = v->zero_pages,
		.saved_pages = v->count[PAGE_SHARED] > v->home_frames
				       ? v->count[PAGE_SHARED] - v->home_frames
				       : 0,
		.faults_cow = v->faults_cow,
		.shared_before_swap = v->shared_before_swap,
		.ballooned_pages = v->count[PAGE_BALLOONED],
		.balloon_target_pages = v->balloon.target,
		.faults_pop = v->faults_pop,
		.balloon_driver = v->balloon.driver,
		.balloon_absent = v->balloon.absent,
		.balloon_inflated = v->balloon.inflated,
		.balloon_deflated = v->balloon.deflated,
		.balloon_bad = v->balloon.bad,
		.double_paging = v->twice,
		.reported_pages = v->reported,
		.sampled_pages = v->count[PAGE_SAMPLED],
		.leaving_pages = v->count[PAGE_LEAVING],
		.pinned_pages = v->pinned,
		.waiting_faults = v->nr_waiting,
		.faults_zero = v->faults_zero,
		.faults_swap_in = v->faults_swap_in,
		.faults_decompressed = v->cache.stats.loaded_pages,
		.faults_sampled = v->faults_sampled,
		.faults_wp = v->faults_wp,
		.faults_stale = v->faults_stale,
		.paged_out_pages = v->paged_out,
		.out_of_swap = v->out_of_swap,
		.stalled_ns = v->stalled_ns,
		.held_ns = v->held_ns,
		.body_errors = v->body_errors,
		.balloon_absences = v->balloon.absences,
		.balloon_last = v->balloon.last,
	};
	compress_vm_stats(v, &out->compress);
	memcpy(out->balloon_reason, v->balloon.reason, sizeof out->balloon_reason);
	memcpy(out->paging_reason, v->paging, sizeof out->paging_reason);
	memcpy(out->share_reason, v->share_reason, sizeof out->share_reason);
}
