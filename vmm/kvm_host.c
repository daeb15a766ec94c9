/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_host.c: opening the host's KVM, and saying clearly why it cannot be used.
 *
 * One open file and one copy of the supported CPUID leaves (asking takes 0.3 ms) serve all VMs. What no VM can do
 * without is asked for here, so that a missing thing is named once and not found out as an ioctl that failed.
 *
 * The kick signal's handler does nothing: a signal is sent only to make KVM_RUN return EINTR. It is an ordinary signal
 * and not a real-time one, since those queue up when a thread is kicked again and again while it sleeps on a page.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/vm_internal.h"

#define CPUID_ENTRIES_FIRST 128u
#define CPUID_ENTRIES_MAX   4096u

static void do_nothing(int signal)
{
	(void)signal;
}

static int open_error(const char *path, int errnum, struct error *error)
{
	struct group entry, *group = NULL;
	char names[1024];
	struct stat st;

	if (errnum == ENOENT || errnum == ENXIO || errnum == ENODEV)
		return error_host(
			error, errnum,
			"%s: this host offers no KVM (load kvm_intel or kvm_amd; switch on "
			"virtualization in the firmware, or nested virtualization if this "
			"is a virtual machine; see 'ballast doctor')",
			path);
	if (errnum != EACCES && errnum != EPERM)
		return error_host(error, errnum, "%s (see 'ballast doctor')", path);
	if (!stat(path, &st))
		getgrgid_r(st.st_gid, &entry, names, sizeof(names), &group);
	return error_host(
		error, errnum,
		"%s: no permission (join the group %s: \"sudo usermod -aG %s USER\", then "
		"log in again; see 'ballast doctor')",
		path, group ? group->gr_name : "kvm", group ? group->gr_name : "kvm");
}

static int check_kvm(struct kvm_host *host, const char *path, struct error *error)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{KVM_CAP_USER_MEMORY, "user memory"},
		{KVM_CAP_IRQCHIP, "interrupt controllers"},
		{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
		{KVM_CAP_EXT_CPUID, "CPUID"},
		{KVM_CAP_SET_TSS_ADDR, "TSS address"},
	};
	int version = ioctl(host->fd, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return error_host(error, errno, "%s: not a KVM device", path);
	if (version != KVM_API_VERSION)
		return error_host(error, ENOTSUP, "%s: KVM has API version %d, needed is %d", path,
				  version, KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (ioctl(host->fd, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return error_host(error, ENOTSUP, "%s: KVM lacks a capability, %s", path,
					  needed[i].name);
	host->irqfd = ioctl(host->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) > 0;
	host->ioeventfd = ioctl(host->fd, KVM_CHECK_EXTENSION, KVM_CAP_IOEVENTFD) > 0;
	host->vcpu_run_bytes = ioctl(host->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (host->vcpu_run_bytes < 0)
		return error_host(error, errno, "%s: KVM_GET_VCPU_MMAP_SIZE", path);
	return 0;
}

static int read_cpuid(struct kvm_host *host, struct error *error)
{
	for (unsigned n = CPUID_ENTRIES_FIRST; n <= CPUID_ENTRIES_MAX; n *= 2) {
		struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + n * sizeof(list->entries[0]));

		if (!list)
			return error_host(error, ENOMEM, "CPUID");
		list->nent = n;
		if (!ioctl(host->fd, KVM_GET_SUPPORTED_CPUID, list)) {
			host->cpuid = list;
			return 0;
		}
		free(list);
		if (errno != E2BIG)
			return error_host(error, errno, "KVM_GET_SUPPORTED_CPUID");
	}
	return error_host(error, E2BIG, "KVM_GET_SUPPORTED_CPUID");
}

int kvm_host_open(struct kvm_host *host, const char *path, struct error *error)
{
	struct sigaction kick = {.sa_handler = do_nothing}; /* no SA_RESTART: system calls end */
	int ret;

	*host = (struct kvm_host){.fd = open(path, O_RDWR | O_CLOEXEC)};
	if (host->fd < 0)
		return open_error(path, errno, error);
	ret = check_kvm(host, path, error);
	if (!ret)
		ret = read_cpuid(host, error);
	if (!ret && sigaction(VM_KICK_SIGNAL, &kick, NULL))
		ret = error_host(error, errno, "signal handler");
	if (ret)
		kvm_host_close(host);
	return ret;
}

void kvm_host_close(struct kvm_host *host)
{
	if (host->fd >= 0)
		close(host->fd);
	free(host->cpuid);
	*host = (struct kvm_host){.fd = -1};
}
