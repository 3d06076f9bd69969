# SPDX-License-Identifier: GPL-2.0
#
# What there is to type; the kernel's build system reads Kbuild instead.
#
## make            build simple.ko, and the examples simple_page.ko, simple_mirror.ko, simple_clock.ko, simple_edu.ko
## make run        boot a guest with the module loaded, and run the demonstration
## make run PROG=<file> [ARGS="..."] [FILES="a b ..."]   the same with a program of yours
## make run DEMO=edu   the same with a program that drives two PCI devices by their mapped registers
## make shell      boot a guest with the module loaded, and give a shell in it
## make picture    draw a picture on a guest's VGA card through /dev/simpler, in two ways
## make test [TEST=<suite>[.<case>]]   run all tests in a guest, or that one
## make matrix     run the tests on every kernel that is known, and print a table
## make torture [DURATION=60] [SEED=n]   use both devices at random in a guest
## make bench      measure what mapping costs, in instructions [TIME=1: in time too] [SMP=4: threads too]
## make bench-accept   take the instruction counts of now as those that make test compares with
## make intree     place the driver in a kernel source tree, build it there, and run the tests with it built in
## make intree-undo   take it out of KSRC again
## make check [KDIR=<build tree>]   tell whether the module can be built for that kernel, or the running one
## make lint       run all linters
## make doc        make the documentation of the abstractions and the drivers
## make rust-analyzer   write rust-project.json, from which editors know the crates
## make install [KDIR=<build tree>] [DESTDIR=<dir>]   install the modules, a udev rule and configuration, as root
## make uninstall [DESTDIR=<dir>]   take that out again
## make deb        make Debian packages of the modules, and of their source for DKMS
## make test-install   install these packages on a Debian in a guest with a disk
##              Both install and deb: MODULE_SIGN_KEY=<file> MODULE_SIGN_CERT=<file> sign the modules
## make clean      remove what was built here
## make distclean  remove the cache too
##
## A driver of your own, in a folder of its own:
## make new DRIVER=<folder> [KIND=pages|frames|pci]   make one to start from
## make DRIVER=<folder>   build it, for the kernels below
## make run|test DRIVER=<folder>   boot a guest with it loaded, and run its tests
## make torture DRIVER=<folder> DEV=/dev/<name>   use its device at random
## make shell|check|lint|doc|matrix|rust-analyzer|clean DRIVER=<folder>   as above
##
## The kernel:  KDIR=<build tree>, or ARCH=amd64|arm64, FLAVOUR and SERIES of Debian's stock kernels, listed below,
##              or KERNEL=debug, with KASAN, lockdep, kmemleak, KUnit and more (see scripts/kernel/config/debug.config)
##              make intree: KSRC=<source tree>, or a copy of the stock kernel's
## The guest:   MODPARAMS="pages=16 ..." MEM=1G SMP=2 TIMEOUT=120 ICOUNT=1
## The cache:   SIMPLE_CACHE=<directory>

.PHONY: all new install uninstall deb run shell picture test test-install matrix torture bench bench-accept intree \
	intree-undo check lint doc rust-analyzer clean distclean help

# A driver's folder calls this file from there.
makefile := $(lastword $(MAKEFILE_LIST))
scripts := $(dir $(makefile))scripts

# The settings reach the scripts through the environment. So does ARCH, if it is set: exported here it
# would be set to nothing, which the kernel's own make takes for an architecture.
export KDIR KSRC KERNEL FLAVOUR SERIES SIMPLE_CACHE DRIVER KIND DEV DESTDIR
export MODULE_SIGN_KEY MODULE_SIGN_CERT
export DEMO PROG ARGS FILES MODPARAMS MEM SMP ICOUNT TIMEOUT DURATION SEED TIME TEST

# Settings of the kernel's own make. With KDIR it gets all that stand on the command line.
kernel_settings := $(foreach name,V W C,$(if $($(name)),$(name)=$($(name))))

all:
	@$(scripts)/make/all.sh $(kernel_settings)

deb:
	@$(scripts)/make/deb.sh

install:
	@$(scripts)/make/install.sh

uninstall:
	@$(scripts)/make/install.sh uninstall

new:
	@$(scripts)/make/new.sh

run:
	@$(scripts)/make/run.sh

shell:
	@$(scripts)/guest/boot.sh shell

picture:
	@$(scripts)/make/picture.sh

test:
	@$(scripts)/make/test.sh

test-install:
	@$(scripts)/make/test-install.sh

torture:
	@$(scripts)/make/torture.sh

matrix:
	@$(scripts)/make/matrix.sh

bench:
	@$(scripts)/make/bench.sh

bench-accept:
	@$(scripts)/make/bench.sh accept

intree:
	@$(scripts)/make/intree.sh

intree-undo:
	@$(scripts)/kernel/place-in-tree.sh undo '$(KSRC)'

check:
	@$(scripts)/make/check.sh

lint:
	@$(scripts)/make/lint.sh

doc:
	@$(scripts)/make/doc.sh

rust-analyzer:
	@$(scripts)/make/rust-analyzer.sh

clean:
	@$(scripts)/make/clean.sh

distclean:
	@$(scripts)/make/clean.sh cache

help:
	@sed -n 's/^## \?//p' $(makefile)
	@echo
	@sed -n 's/^\t"\([0-9.]*\) \([a-z0-9-]*\)"$$/Tested: SERIES=\1 FLAVOUR=\2/p' $(scripts)/lib/kernels.sh
	@sed -n 's/^simple-version := /\nThis is simple /p' $(dir $(makefile))Kbuild
