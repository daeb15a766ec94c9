# SPDX-License-Identifier: GPL-2.0-or-later
#
# make              build/ballast, the release program
# make demo         install what is missing, build, run the quickstart and draw it; simulated where there is no KVM
# make experiments  reproduce the published figures (experiments/), half an hour
# make check        install what is missing, run every check and test (see tests/README.md)
#   check-fmt  check-layers  check-clang  unit  check-live  check-nested  check-san  check-adding  check-slurm  check-labs  check-parity     its parts
#   tests/unit/NAME_test   build one test of unit/ or model/ and run it
#   check-long       random tests go through ten times as many seeds, a quarter of an hour
# make fmt tidy     format with clang-format; read with cppcheck
# make bench        figures as ratios against the raw mechanisms; bench-parity: simulated against live, five minutes
# make install      program, man page, documents under PREFIX (/usr/local), staged in DESTDIR; make uninstall
# make clean        remove build/
#
# DEBUG=1  -O0, assertions    SAN=1  ASan + UBSan    CC=clang-14    WERROR=0    V=1  show commands    O=DIR  build elsewhere
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

comma := ,
ifeq ($(origin CC),default)
CC := gcc
endif
WERROR  ?= 1
PREFIX  ?= /usr/local
O       ?= build
CLANG   ?= clang-14
FORMAT  ?= clang-format-14
Q       := $(if $(V),,@)
VARIANT := $(if $(SAN),san,$(if $(DEBUG),debug,release))$(if $(findstring clang,$(CC)),-clang)
B       := $(O)/$(VARIANT)

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef -Wvla \
	  $(if $(filter 1,$(WERROR)),-Werror)
JEMALLOC := $(if $(SAN),,-DBALLAST_JEMALLOC)
OPT    := $(if $(DEBUG)$(SAN),$(if $(DEBUG),-O0,-O1 -fno-omit-frame-pointer),-O2 -DNDEBUG) \
	  $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all)
CPP    := -I. -Iinclude -D_GNU_SOURCE $(JEMALLOC) -MMD -MP
BFLAGS  = -std=gnu11 -g $(WARN) $(OPT) $(CPP) $(CFLAGS)
# The lab guest is its own world: no libc, no floating point or vector registers, linked at 1 MiB.
KFLAGS := -std=gnu11 -g $(WARN) -O2 -DNDEBUG $(CPP) -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	  -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
LIBS    = -lyaml -ljansson -luring -lxxhash -llz4 -lz -llzma -lzstd $(if $(SAN),,-ljemalloc) -lpthread

lib_SRCS    := $(sort $(wildcard lib/*.c))
dedup_SRCS  := $(sort $(wildcard dedup/*.c))
policy_SRCS := $(sort $(wildcard mm/policy/*.c))
mm_SRCS     := $(sort $(wildcard mm/*.c))
core_SRCS   := $(sort $(wildcard guest/core/*.c balloon-driver/core/*.c balloon-driver/lab/*.c))
sim_SRCS    := $(filter-out sim/replay_loop.c,$(sort $(wildcard sim/*.c)))
vmm_SRCS    := $(sort $(wildcard vmm/*.c))
cmd_SRCS    := $(filter-out cmd/main.c,$(sort $(wildcard cmd/*.c)))
boot_SRCS   := $(sort $(wildcard guest/boot/*.c))
boot_ASM    := $(sort $(wildcard guest/boot/*.S))
UNIT_SRCS   := $(sort $(wildcard tests/unit/*_test.c tests/model/*_test.c))
LIVE_SRCS   := $(sort $(wildcard tests/live/*_test.c))
SUPPORT     := $(sort $(wildcard tests/support/*.c))

objs        = $(patsubst %.c,$(B)/%.o,$(1))
kernel_OBJS = $(patsubst %.S,$(B)/kernel/%.o,$(boot_ASM)) \
	      $(patsubst %.c,$(B)/kernel/%.o,$(boot_SRCS) $(core_SRCS) $(policy_SRCS))
# the hostile guest takes from the lab guest how it gets to ring 3; for live tests only
hostile_OBJS = $(patsubst %,$(B)/kernel/guest/%.o,boot/entry boot/tables boot/memory hostile/main)
# replay has a loop of its own for each of these policies, which contains the policy
loop_OBJS   = $(patsubst %,$(B)/sim/loop/%.o,$(shell sed -n 's/^\tentry(\(.*\)).*/\1/p' sim/replay_fast.h))
LIBRARY    := $(B)/libballast.a
UNITS      := $(UNIT_SRCS:%.c=$(B)/%)
LIVES      := $(LIVE_SRCS:%.c=$(B)/%)

.PHONY: all tests help
all: $(O)/ballast
ifeq ($(VARIANT),release)
$(O)/ballast: $(B)/ballast
	$(Q)ln -f $< $@ 2>/dev/null || cp -f $< $@
else
.PHONY: $(O)/ballast
$(O)/ballast: $(B)/ballast
endif

# everything but main, so that tests can link every function
$(LIBRARY): $(call objs,$(lib_SRCS) $(dedup_SRCS) $(policy_SRCS) $(mm_SRCS) $(core_SRCS) $(sim_SRCS) $(vmm_SRCS) $(cmd_SRCS)) $(loop_OBJS) $(B)/sim/plugin/image.o
	@echo "AR $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/ballast: $(B)/cmd/main.o $(B)/cmd/lab_image.o $(LIBRARY)
	@echo "LD $@"
	$(Q)$(CC) $(BFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# the lab guest, and the same bytes inside the program
$(B)/lab.elf: $(kernel_OBJS)
$(B)/hostile.elf: $(hostile_OBJS)
$(B)/lab.elf $(B)/hostile.elf: guest/boot/lab.ld
	@echo "LD $@"
	$(Q)$(CC) -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	  -Wl,--no-warn-rwx-segments -T $< -o $@ $(filter %.o,$^)
$(B)/kernel/%.o: %.c Makefile
	@mkdir -p $(@D); echo "KCC $@"
	$(Q)$(CC) $(KFLAGS) -c -o $@ $<
$(B)/kernel/%.o: %.S Makefile
	@mkdir -p $(@D); echo "KAS $@"
	$(Q)$(CC) $(KFLAGS) -D__ASSEMBLER__ -c -o $@ $<
$(B)/cmd/lab_image.o: cmd/lab_image.S $(B)/lab.elf
	@mkdir -p $(@D)
	$(Q)$(CC) -DLAB_ELF='"$(B)/lab.elf"' -c -o $@ $<
$(B)/guest/hostile/image.o: guest/hostile/image.S $(B)/hostile.elf
	@mkdir -p $(@D)
	$(Q)$(CC) -DHOSTILE_ELF='"$(B)/hostile.elf"' -c -o $@ $<

tests: $(UNITS) $(LIVES)
$(LIVES): $(B)/cmd/lab_image.o $(B)/guest/hostile/image.o
$(B)/tests/unit/sweep_full_test: | $(B)/ballast
# what trace_record_ends_test records, and with what
$(B)/tests/unit/trace_record_ends_test: | $(B)/ballast $(B)/tests/record/touched
$(B)/tests/record/touched: tests/record/touched.c Makefile
	@mkdir -p $(@D); echo "LD $@"
	$(Q)$(CC) -std=gnu11 -g $(WARN) -O1 $(CPP) -static -MT $@ -MF $@.d -o $@ $< -lpthread
$(B)/tests/libsupport.a: $(call objs,$(SUPPORT))
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(UNITS) $(LIVES): $(B)/%: $(B)/%.o $(B)/tests/libsupport.a $(LIBRARY)
	@echo "LD $@"
	$(Q)$(CC) $(BFLAGS) $(LDFLAGS) -o $@ $(filter-out $(LIBRARY),$^) $(LIBRARY) -lcmocka -lm $(LIBS)
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D); echo "CC $@"
	$(Q)$(CC) $(BFLAGS) -c -o $@ $<

# gcc's flatten does not reach what is called through the policy's table
LOOP_INLINE := $(if $(findstring clang,$(CC)),,-finline-limit=20000)
$(B)/sim/loop/%.o: sim/replay_loop.c mm/policy/%.c Makefile
	@mkdir -p $(@D); echo "CC $@"
	$(Q)$(CC) $(BFLAGS) $(if $(DEBUG)$(SAN),,-O3 $(LOOP_INLINE)) -Dpolicy_$*=loop_policy_$* -DLOOP_NAME=$* \
	  -DLOOP_FILE='"mm/policy/$*.c"' -c -o $@ $<

# the recorder of `ballast trace record`, a plugin for another program, and the same bytes inside ours
$(B)/sim/plugin/record.so: sim/plugin/record.c Makefile
	@mkdir -p $(@D); echo "PCC $@"
	$(Q)$(CC) -std=gnu11 $(WARN) -O2 $(CPP) -fPIC -shared -fvisibility=hidden -MT $@ -MF $(@:.so=.d) -o $@ $<
$(B)/sim/plugin/image.o: sim/plugin/image.S $(B)/sim/plugin/record.so
	$(Q)$(CC) -DRECORD_PLUGIN='"$(B)/sim/plugin/record.so"' -c -o $@ $<

# the revision is in one object only, made again when it changes
REVISION := $(or $(shell git describe --always --dirty 2>/dev/null),unknown)
$(B)/cmd/report_manifest.o: CPP += -DBALLAST_REVISION='"$(REVISION)"'
$(B)/cmd/report_manifest.o: $(B)/revision
.PHONY: FORCE
$(B)/revision: FORCE
	$(Q)mkdir -p $(@D); echo '$(REVISION)' | cmp -s - $@ || echo '$(REVISION)' >$@

# checks and tests: each line of tests/check.sh is one of these
.PHONY: check check-long check-fmt fmt check-layers tidy check-clang check-live check-nested check-san check-adding check-slurm check-labs check-parity unit bench bench-parity
LOGS     := $(B)/test-logs
C_FILES   = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
check:
	$(Q)tests/install-packages.sh check
	$(Q)O=$(O) MAKE="$(MAKE)" tests/check.sh
check-fmt fmt:
	$(Q)$(FORMAT) $(if $(filter fmt,$@),-i,--dry-run -Werror) \
	  $(or $(wildcard $(C_FILES)),$(error no C files: is this a git checkout?))
check-layers: $(LIBRARY)
	$(Q)tests/check-layers.sh tests/layers.txt $(B)
tidy:
	$(Q)cppcheck -q --enable=warning,performance,portability --std=c11 -I. -Iinclude --suppress=missingInclude \
	  --inline-suppr --error-exitcode=1 lib dedup mm balloon-driver guest vmm sim cmd tests
check-clang:
	$(Q)$(MAKE) --no-print-directory CC=$(CLANG) all tests
check-san:
	$(Q)$(MAKE) --no-print-directory SAN=1 unit
	$(Q)$(MAKE) --no-print-directory SAN=1 check-live
unit: $(UNITS)
	$(Q)tests/run-tests.sh -j $$(nproc) $(VARIANT) $(LOGS) $(UNITS)
.PHONY: $(UNIT_SRCS:%.c=%)
$(UNIT_SRCS:%.c=%): %: $(B)/%
	$(Q)$<
check-adding:
	$(Q)tests/adding_policy.sh
check-long:
	$(Q)BALLAST_TEST_TIMES=10 $(MAKE) --no-print-directory unit
	$(Q)BALLAST_CHAOS_RUNS=100 BALLAST_HOSTILE_SECONDS=60 $(MAKE) --no-print-directory check-live LIVE_SECONDS=600
check-slurm: $(B)/ballast
	$(Q)BALLAST=$(B)/ballast tests/run-tests.sh $(VARIANT) $(LOGS) ./tests/slurm.sh
check-labs: $(B)/ballast
	$(Q)tests/labs.sh $(B)
check-parity: $(B)/ballast
	$(Q)export REQUIRE_KVM=$${REQUIRE_KVM:-$$(test -e /dev/kvm && echo 1)} BALLAST=$(B)/ballast; \
	  tests/run-tests.sh $(VARIANT) $(LOGS) ./tests/parity.sh
# compares what guests do in a second with what they do in another
LIVE_ALONE   := live-hostile_test
LIVE_SECONDS := 400
check-live: $(LIVES) $(B)/ballast
	$(Q)export REQUIRE_KVM=$${REQUIRE_KVM:-$$(test -e /dev/kvm && echo 1)}; \
	  tests/run-tests.sh -j 2 $(LIVE_ALONE:%=-a %) -t $(LIVE_SECONDS) $(VARIANT) $(LOGS) $(LIVES)
check-nested: $(LIVES) $(B)/ballast
	$(Q)tests/nested.sh $(B) $(LOGS)-nested $(LIVES); status=$$?; \
	  tests/nested_record.sh $(B) $(LOGS)-nested-record && exit $$status
bench: all
	$(Q)$(O)/ballast bench
bench-parity: all
	$(Q)BALLAST=$(O)/ballast tests/parity.sh --bench

# use
.PHONY: demo experiments install uninstall clean
demo:
	$(Q)tests/install-packages.sh demo
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)body=run; if ! $(O)/ballast doctor >$(B)/doctor.txt; then body=sim; cat $(B)/doctor.txt; \
	    echo "So the same scenario runs on the simulated machine (docs/simulator.md)."; echo; fi; \
	  $(O)/ballast $$body experiments/quickstart/scenario.yaml -o results/runs/quickstart --plot

# The published figures, one after the other: a quarter of an hour.
experiments: all
	$(Q)for run in experiments/*/run.sh; do BALLAST=$(abspath $(O))/ballast $$run || exit; done

DOCS  := LICENSE $(sort $(wildcard docs/*.md docs/*.png))
BIN   := $(DESTDIR)$(PREFIX)/bin
MAN   := $(DESTDIR)$(PREFIX)/share/man/man1
SHARE := $(DESTDIR)$(PREFIX)/share/doc/ballast
install: all
	install -d $(BIN) $(MAN) $(SHARE)/docs $(SHARE)/examples
	install -m 755 $(O)/ballast $(BIN)/ballast
	install -m 644 docs/ballast.1 $(MAN)/ballast.1
	install -m 644 $(filter-out docs/%,$(DOCS)) $(SHARE)
	install -m 644 $(filter docs/%,$(DOCS)) $(SHARE)/docs
	install -m 644 experiments/quickstart/scenario.yaml $(SHARE)/examples/quickstart.yaml
uninstall:
	rm -rf $(BIN)/ballast $(MAN)/ballast.1 $(SHARE)
clean:
	rm -rf $(O)
help:
	@sed -n '3,/^$$/s/^# \?//p' Makefile

-include $(shell find $(B) -name '*.d' 2>/dev/null)
