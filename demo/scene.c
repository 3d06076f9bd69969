// SPDX-License-Identifier: GPL-2.0
/*
 * What the picture shows: mirroring spheres, each with nine smaller ones on it,
 * and those with nine again, over a chequered floor in the evening.
 *
 * Each pixel is a ray that is followed from the eye through its reflections.
 * Only +, -, *, / and sqrt are used on doubles, of which IEEE 754 fixes every
 * bit: the picture is the same on every machine, so that a test can compare it
 * with one that was saved.
 */
#include <err.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "scene.h"

#define LEVELS 3
#define CHILDREN 9
#define SPHERES (1 + CHILDREN + CHILDREN * CHILDREN)
#define REFLECTIONS 4
#define FAR 1e30
#define NEAR 0.000001	/* a ray does not hit the surface that it starts from */

struct vec {
	double x, y, z;
};

static inline struct vec vec(double x, double y, double z)
{
	return (struct vec){ x, y, z };
}

static inline struct vec add(struct vec a, struct vec b)
{
	return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct vec sub(struct vec a, struct vec b)
{
	return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct vec mul(struct vec a, double f)
{
	return vec(a.x * f, a.y * f, a.z * f);
}

/* A light of colour b on a surface of colour a. */
static inline struct vec filter(struct vec a, struct vec b)
{
	return vec(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline double dot(struct vec a, struct vec b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vec cross(struct vec a, struct vec b)
{
	return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline struct vec unit(struct vec a)
{
	return mul(a, 1 / sqrt(dot(a, a)));
}

/* From a at 0 to b at 1. */
static inline struct vec mix(struct vec a, struct vec b, double f)
{
	return add(mul(a, 1 - f), mul(b, f));
}

static inline double clamp(double f)
{
	return f < 0 ? 0 : f > 1 ? 1 : f;
}

/* f to the power of 2^n. */
static inline double power(double f, int n)
{
	while (n--)
		f *= f;
	return f;
}

/*
 * The spheres, those on a sphere next to each other from @children on. All that
 * stand on a sphere, and itself, lie within @reach of its centre.
 */
static struct sphere {
	struct vec centre;
	double radius;
	double reach;
	int level;
	int children;
} spheres[SPHERES];

static int spheres_used;

static const struct vec colours[LEVELS] = {
	{ 0.93, 0.94, 0.97 }, { 1.00, 0.66, 0.20 }, { 0.30, 0.78, 0.80 },
};

static struct vec sunlight, sun;

/* Fills in spheres[index], and all that stand on it on the side that @up points to. */
static void grow(int index, struct vec centre, double radius, struct vec up, int level)
{
	struct sphere *sphere = &spheres[index];
	struct vec side, front;
	double step = radius, reach = radius;
	int i;

	for (i = level + 1; i < LEVELS; i++) {
		reach += 2 * step / 3;
		step /= 3;
	}
	*sphere = (struct sphere){ centre, radius, reach, level, -1 };
	if (level + 1 == LEVELS)
		return;

	side = unit(cross(up, up.x * up.x < 0.5 ? vec(1, 0, 0) : vec(0, 0, 1)));
	front = cross(side, up);
	sphere->children = spheres_used;
	spheres_used += CHILDREN;
	for (i = 0; i < CHILDREN; i++) {
		/* Six around the middle, at multiples of 60 degrees, and three above. */
		static const double cosine[] = { 1, 0.5, -0.5, -1, -0.5, 0.5 };
		static const int sine[] = { 0, 1, 1, 0, -1, -1 };
		int turn = i < 6 ? i : 2 * (i - 6);
		double c = cosine[turn], s = sine[turn] * sqrt(0.75);
		struct vec dir;

		if (i < 6)
			dir = add(mul(side, c), mul(front, s));
		else	/* turned by 30 degrees against the six: between two of them */
			dir = add(mul(add(mul(side, c * sqrt(0.75) - s * 0.5),
					  mul(front, s * sqrt(0.75) + c * 0.5)),
				      0.6), mul(up, 0.8));
		grow(sphere->children + i, add(centre, mul(dir, radius * 4 / 3)), radius / 3, dir,
		     level + 1);
	}
}

/* Looks for a sphere from spheres[index] on that the ray hits nearer than at *@distance. */
static void hit_spheres(int index, struct vec from, struct vec dir, double *distance, int *hit)
{
	const struct sphere *sphere = &spheres[index];
	struct vec to = sub(sphere->centre, from);
	double along = dot(to, dir);
	double off = dot(to, to) - along * along;
	double half;
	int i;

	/* Past it, behind it or beyond what was hit already. */
	if (off > sphere->reach * sphere->reach || along < -sphere->reach ||
	    along - sphere->reach > *distance)
		return;

	half = sphere->radius * sphere->radius - off;
	if (half > 0) {
		double near = along - sqrt(half);

		if (near > NEAR && near < *distance) {
			*distance = near;
			*hit = index;
		}
	}
	for (i = 0; sphere->children >= 0 && i < CHILDREN; i++)
		hit_spheres(sphere->children + i, from, dir, distance, hit);
}

static bool in_shadow(struct vec point)
{
	double distance = FAR;
	int hit = -1;

	hit_spheres(0, point, sun, &distance, &hit);
	return hit >= 0;
}

static struct vec sky(struct vec dir)
{
	double height = clamp(dir.y);
	double glow = clamp(dot(dir, sun));
	struct vec colour = mix(vec(0.62, 0.26, 0.16), vec(0.01, 0.04, 0.20),
				1 - power(1 - height, 2));

	colour = add(colour, mul(vec(0.9, 0.40, 0.12), 0.8 * power(glow, 4)));
	return add(colour, mul(vec(1.0, 0.9, 0.7), 14 * power(glow, 10)));
}

static struct vec trace(struct vec from, struct vec dir, int reflections)
{
	struct vec point, normal, colour, light, mirrored;
	double distance = FAR, facing, mirror;
	int hit = -1;

	if (dir.y < 0)
		distance = -from.y / dir.y;
	hit_spheres(0, from, dir, &distance, &hit);
	if (distance == FAR)
		return sky(dir);

	point = add(from, mul(dir, distance));
	if (hit >= 0) {
		normal = mul(sub(point, spheres[hit].centre), 1 / spheres[hit].radius);
		colour = colours[spheres[hit].level];
	} else {
		bool odd = ((long)floor(point.x) ^ (long)floor(point.z)) & 1;

		normal = vec(0, 1, 0);
		colour = odd ? vec(0.46, 0.44, 0.42) : vec(0.02, 0.02, 0.03);
	}

	/* Glancing light is mirrored more than light that comes straight. */
	facing = clamp(-dot(dir, normal));
	mirror = power(1 - facing, 2);
	mirror = hit >= 0 ? 0.62 + 0.38 * mirror : 0.16 + 0.50 * mirror;

	light = vec(0.10, 0.12, 0.20);
	if (dot(normal, sun) > 0 && !in_shadow(add(point, mul(normal, NEAR))))
		light = add(light, mul(sunlight, dot(normal, sun)));
	light = mul(filter(colour, light), 1 - mirror);

	if (reflections) {
		mirrored = sub(dir, mul(normal, 2 * dot(dir, normal)));
		mirrored = trace(add(point, mul(normal, NEAR)), mirrored, reflections - 1);
		if (hit >= 0)
			mirrored = filter(mirrored, colour);
		light = add(light, mul(mirrored, mirror));
	}
	/* The farther away the floor is, the more of the sky's colour it has. */
	if (hit < 0)
		light = mix(sky(vec(dir.x, 0, dir.z)), light, 1 / (1 + power(distance / 20, 1)));
	return light;
}

/* The colour at a place on the screen, in pixels from its upper left corner. */
static struct vec look(double x, double y, int width, int height)
{
	const struct vec eye = { 1.0, 2.2, -6.0 };
	const struct vec target = { 0.05, 1.3, 0.0 };
	struct vec ahead = unit(sub(target, eye));
	struct vec right = unit(cross(vec(0, 1, 0), ahead));
	struct vec up = cross(ahead, right);
	struct vec dir, colour;

	x = (x - width / 2.0) / height;
	y = (height / 2.0 - y) / height;
	dir = add(mul(ahead, 1.45), add(mul(right, x), mul(up, y)));
	colour = trace(eye, unit(dir), REFLECTIONS);

	/* What is too bright for a screen fades to white, and does not break off. */
	colour.x = clamp(1.15 * colour.x / sqrt(colour.x * colour.x + 0.35));
	colour.y = clamp(1.15 * colour.y / sqrt(colour.y * colour.y + 0.35));
	colour.z = clamp(1.15 * colour.z / sqrt(colour.z * colour.z + 0.35));
	return colour;
}

static struct vec nine_rays(int x, int y, int width, int height)
{
	struct vec sum = vec(0, 0, 0);
	int ray;

	for (ray = 0; ray < 9; ray++)
		sum = add(sum, look(x + (ray % 3 * 2 + 1) / 6.0, y + (ray / 3 * 2 + 1) / 6.0, width,
				    height));
	return mul(sum, 1 / 9.0);
}

static bool differ(struct vec a, struct vec b)
{
	struct vec d = sub(a, b);

	return dot(d, d) > 0.0025;
}

/* 86 shades of each colour: the eye sees no steps yet, and a PNG is smaller than with 256. */
static __u32 shade(double f)
{
	return (__u32)(f * 85 + 0.5) * 3;
}

void render(__u32 *pixels, int width, int height)
{
	struct vec *first = malloc(sizeof(*first) * width * height);
	int x, y, i;

	if (!first)
		err(1, "malloc");
	sun = unit(vec(-0.62, 0.40, 0.66));
	sunlight = vec(2.6, 1.9, 1.2);
	spheres_used = 1;
	grow(0, vec(0, 1.42, 0), 1, vec(0, 1, 0), 0);

	for (i = 0; i < width * height; i++)
		first[i] = look(i % width + 0.5, i / width + 0.5, width, height);

	/* Edges, where a pixel is not like its neighbours, are the mean of nine rays. */
	for (i = 0; i < width * height; i++) {
		struct vec mean = first[i];

		x = i % width;
		y = i / width;
		if ((x > 0 && differ(first[i], first[i - 1])) ||
		    (x < width - 1 && differ(first[i], first[i + 1])) ||
		    (y > 0 && differ(first[i], first[i - width])) ||
		    (y < height - 1 && differ(first[i], first[i + width])))
			mean = nine_rays(x, y, width, height);
		pixels[i] = shade(mean.x) << 16 | shade(mean.y) << 8 | shade(mean.z);
	}
	free(first);
}
