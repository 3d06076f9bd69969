/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SCENE_H
#define SCENE_H

#include <linux/types.h>

/*
 * Computes the picture: width * height pixels of 32 bits, red in bits 23 to 16,
 * green in 15 to 8, blue in 7 to 0, row by row from the top.
 */
void render(__u32 *pixels, int width, int height);

#endif
