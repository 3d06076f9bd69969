// SPDX-License-Identifier: GPL-2.0
/* kbuild wants an object of its own for each module that it is linked into. */
#include "../abstractions/compat/helpers.c"
