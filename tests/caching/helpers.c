// SPDX-License-Identifier: GPL-2.0
#include "../../src/abstractions/compat/helpers.c"
