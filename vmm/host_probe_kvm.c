/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_probe_kvm.c: the checks of KVM and userfaultfd, without which nothing runs.
 *
 * Privileges are part of what is tried: a userfaultfd that sees only user-mode faults (UFFD_USER_MODE_ONLY) opens
 * without any and cannot serve KVM, whose faults come from the kernel, so it is not what is asked for. Features are
 * asked from the kernel (UFFDIO_API), not concluded from its version. Reference: userfaultfd(2), KVM API document.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/host_probe_internal.h"

/* Younger than the headers of Debian 12. */
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1 << 16)
#endif

static const char *kvm_flavour(void)
{
	static const struct {
		const char *module, *name;
	} flavours[] = {
		{"/sys/module/kvm_intel", "Intel VT-x"},
		{"/sys/module/kvm_amd", "AMD SVM"},
		{"/sys/module/kvm_pvm", "PVM: shadow paging, ring 0 of guests is interpreted"},
	};

	for (size_t i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++)
		if (access(flavours[i].module, F_OK) == 0)
			return flavours[i].name;
	return "built into the kernel";
}

void probe_check_kvm(const struct probe_place *place, struct probe_result *out)
{
	int fd = open(place->kvm_path, O_RDWR | O_CLOEXEC), version, vm;

	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		probe_say(
			out, PROBE_MISSING, "no guest can run",
			"join the group that owns it (as root: usermod -aG kvm USER), log in again",
			"%s: %s", place->kvm_path, strerror(errno));
		return;
	}
	if (fd < 0) {
		probe_say(out, PROBE_MISSING, "no guest can run",
			  "load kvm_intel or kvm_amd; switch virtualization on in the firmware, or "
			  "nested "
			  "virtualization in the hypervisor below",
			  "%s: %s", place->kvm_path, strerror(errno));
		return;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	vm = version == KVM_API_VERSION ? ioctl(fd, KVM_CREATE_VM, 0) : -1;
	if (version < 0)
		probe_say(out, PROBE_MISSING, "no guest can run", "load kvm_intel or kvm_amd",
			  "%s: is not KVM", place->kvm_path);
	else if (version != KVM_API_VERSION)
		probe_say(out, PROBE_MISSING, "no guest can run",
			  "use a kernel whose KVM has API 12", "%s: API version %d instead of 12",
			  place->kvm_path, version);
	else if (vm < 0)
		probe_say(out, PROBE_MISSING, "no guest can run",
			  "see the kernel log; another hypervisor may hold the processor",
			  "%s: KVM_CREATE_VM: %s", place->kvm_path, strerror(errno));
	else
		probe_say(out, PROBE_OK, "", "", "%s, API 12, %s", place->kvm_path, kvm_flavour());
	if (vm >= 0)
		close(vm);
	close(fd);
}

void probe_check_kvm_features(const struct probe_place *place, struct probe_result *out)
{
	static const struct {
		int cap;
		const char *name;
	} caps[] = {
		{KVM_CAP_USER_MEMORY, "user memory"},
		{KVM_CAP_IRQCHIP, "irqchip"},
		{KVM_CAP_IRQFD, "irqfd"},
		{KVM_CAP_IOEVENTFD, "ioeventfd"},
		{KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
	};
	int fd = open(place->kvm_path, O_RDWR | O_CLOEXEC);
	char absent[120] = "";

	if (fd < 0) {
		probe_say(out, PROBE_MISSING, "cannot be asked without KVM", "see kvm", "unknown");
		return;
	}
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, caps[i].cap) <= 0) {
			strncat(absent, " ", sizeof(absent) - strlen(absent) - 1);
			strncat(absent, caps[i].name, sizeof(absent) - strlen(absent) - 1);
		}
	close(fd);
	if (*absent)
		probe_say(out, PROBE_MISSING, "interrupts and devices of guests need them",
			  "use a mainline kernel's KVM", "KVM lacks:%s", absent);
	else
		probe_say(out, PROBE_OK, "", "", "irqchip, irqfd, ioeventfd, immediate exit");
}

/* A userfaultfd that also sees faults of the kernel, which KVM's are; -errno. */
static int uffd_open(const char **how)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), dev, err;

	*how = "system call";
	if (fd >= 0)
		return fd;
	err = errno;
#ifdef USERFAULTFD_IOC_NEW
	dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -err;
	fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	err = errno;
	close(dev);
	*how = "/dev/userfaultfd";
#else
	(void)dev;
#endif
	return fd >= 0 ? fd : -err;
}

void probe_check_uffd(const struct probe_place *place, struct probe_result *out)
{
	const char *how;
	int fd = uffd_open(&how);

	(void)place;
	if (fd == -ENOSYS) {
		probe_say(out, PROBE_MISSING, "guests cannot be paged",
			  "use a kernel with CONFIG_USERFAULTFD", "not in this kernel");
		return;
	}
	if (fd < 0) {
		probe_say(out, PROBE_MISSING,
			  "guests cannot be paged: KVM's faults come from the kernel",
			  "run as root, or as root once: sysctl vm.unprivileged_userfaultfd=1, or "
			  "give "
			  "yourself access to /dev/userfaultfd",
			  "refused: %s", strerror(-fd));
		return;
	}
	close(fd);
	probe_say(out, PROBE_OK, "", "", "faults of the kernel too, by %s", how);
}

void probe_check_uffd_features(const struct probe_place *place, struct probe_result *out)
{
	struct uffdio_api api = {.api = UFFD_API};
	const char *how;
	int fd = uffd_open(&how);

	(void)place;
	if (fd < 0) {
		probe_say(out, PROBE_MISSING, "cannot be asked without userfaultfd",
			  "see userfaultfd", "unknown");
		return;
	}
	if (ioctl(fd, UFFDIO_API, &api) < 0)
		api.features = 0;
	close(fd);
	if (!(api.features & UFFD_FEATURE_PAGEFAULT_FLAG_WP))
		probe_say(out, PROBE_MISSING, "clean pages cannot be told from dirty ones",
			  "use Linux 5.7 or later with CONFIG_HAVE_ARCH_USERFAULTFD_WP",
			  "no write protection");
	else if (!(api.features & UFFD_FEATURE_MOVE))
		probe_say(out, PROBE_WARN, "pages leave by protecting and copying, which is slower",
			  "use Linux 6.8 or later", "write protection, no UFFDIO_MOVE");
	else
		probe_say(out, PROBE_OK, "", "", "write protection, UFFDIO_MOVE");
}
