# SPDX-License-Identifier: GPL-2.0
#
# The commands of the project. The kernel's build system does not read this file: it reads Kbuild.
#
## make            build simple.ko, and the examples simple_page.ko, simple_mirror.ko, simple_clock.ko, simple_edu.ko
## make run        boot a guest with the module loaded, and run the demonstration
## make run PROG=<file> [ARGS="..."] [FILES="a b ..."]   boot a guest with the module loaded, and run your program
## make run DEMO=edu   boot a guest, and run a program that drives two PCI devices by their mapped registers
## make shell      boot a guest with the module loaded, and give a shell in it
## make picture    draw a picture on a guest's VGA card through /dev/simpler, by a mapping and by write
## make test [TEST=<suite>[.<case>]]   run all tests, in a guest and on this machine, or only that suite or case
## make matrix     run the tests on every kernel that is listed below, and print a table of the results
## make torture [DURATION=60] [SEED=n]   use both devices at random in a guest
## make bench      count the instructions that mapping takes [TIME=1: also measure time] [SMP=4: also with threads]
## make bench-accept   record the current counts of instructions, with which make test compares
## make intree     add the driver to a kernel source tree, build a kernel with it there, and run the tests on that kernel
## make intree-undo   remove the driver from the source tree KSRC
## make series     write patches that offer the abstractions to the kernel [SIGNOFF=1: signed off by git's user.name]
## make test-series   apply these patches to a kernel, build it, and test it in a guest
## make check [KDIR=<build tree>]   tell whether the module can be built for that kernel, or for the running one
## make lint       run all linters
## make doc        make the documentation of the abstractions and the drivers
## make rust-analyzer   write rust-project.json, which describes the crates to editors
## make install [KDIR=<build tree>] [DESTDIR=<dir>]   install the modules, a udev rule and configuration, as root
## make uninstall [DESTDIR=<dir>]   remove what make install has installed
## make deb        make Debian packages of the modules, and of their source for DKMS
##              For make install and make deb, MODULE_SIGN_KEY=<file> MODULE_SIGN_CERT=<file> sign the modules
## make test-install   install the packages on a Debian in a guest with a disk, and test them there
## make clean      remove everything that was built in this folder
## make distclean  remove that and the cache
##
## For a driver of your own, in a folder of its own:
## make new DRIVER=<folder> [KIND=pages|frames|pci]   make the folder, with a driver to start from
## make DRIVER=<folder>   build the driver, for the kernel that the settings below choose
## make run|test DRIVER=<folder>   boot a guest with the driver loaded, and run its tests
## make torture DRIVER=<folder> DEV=/dev/<name>   use the driver's device at random in a guest
## make shell|check|lint|doc|matrix|rust-analyzer|clean DRIVER=<folder>   as above, for the driver
##
## The kernel:  KDIR=<build tree>, or ARCH=amd64|arm64, FLAVOUR and SERIES of one of Debian's stock kernels, listed below,
##              or KERNEL=debug, with KASAN, lockdep, kmemleak, KUnit and more (see scripts/kernel/config/debug.config)
##              For make intree, series and test-series, KSRC=<source tree>; the default is a copy of Debian's source
## The guest:   MODPARAMS="pages=16 ..." MEM=1G SMP=2 TIMEOUT=120 ICOUNT=1
## The cache:   SIMPLE_CACHE=<directory>

# The commands that are a script of their name.
commands := new install deb run picture test test-install matrix torture bench intree series test-series check lint \
	doc rust-analyzer clean
.PHONY: all $(commands) shell uninstall bench-accept intree-undo distclean help

# A driver's folder calls this file from there.
makefile := $(lastword $(MAKEFILE_LIST))
scripts := $(dir $(makefile))scripts
$(if $(wildcard $(scripts)),,$(error make does not take a space in the path of this file: call it with -C))

# The settings reach the scripts through the environment. So does ARCH, if it is set: exported here it
# would be set to nothing, which the kernel's own make takes for an architecture.
export KDIR KSRC KERNEL FLAVOUR SERIES SIMPLE_CACHE DRIVER KIND DEV DESTDIR
export MODULE_SIGN_KEY MODULE_SIGN_CERT
export DEMO PROG ARGS FILES MODPARAMS MEM SMP ICOUNT TIMEOUT DURATION SEED TIME TEST SIGNOFF

# Settings of the kernel's own make. With KDIR it gets all that stand on the command line.
kernel_settings := $(foreach name,V W C,$(if $($(name)),$(name)=$($(name))))

all:
	@$(scripts)/make/all.sh $(kernel_settings)

$(commands):
	@$(scripts)/make/$@.sh

shell:
	@$(scripts)/guest/boot.sh shell

uninstall:
	@$(scripts)/make/install.sh uninstall

bench-accept:
	@$(scripts)/make/bench.sh accept

intree-undo:
	@$(scripts)/kernel/place-in-tree.sh undo '$(KSRC)'

distclean:
	@$(scripts)/make/clean.sh cache

help:
	@sed -n 's/^## \?//p' $(makefile)
	@echo
	@sed -n 's/^\t"\([0-9.]*\) \([a-z0-9-]*\)"$$/Tested: SERIES=\1 FLAVOUR=\2/p' $(scripts)/lib/kernels.sh
	@sed -n 's/^simple-version := /\nThis is simple /p' $(dir $(makefile))Kbuild
