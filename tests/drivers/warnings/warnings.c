// SPDX-License-Identifier: GPL-2.0
/*
 * A module with a deliberate bug that runs when it is loaded, and that the debug kernel
 * must report: what=leak, overflow, shift, sleep, order, refcount or list.
 */

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *what = "";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "What to do wrong");

/*
 * Leaks many objects, as the slab allocator's lists keep stale pointers to the last
 * ones, so that kmemleak does not report these.
 */
static void leak(void)
{
	for (int i = 0; i < 200; i++) {
		char *lost = kmalloc(200, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(lost);
	}
}

static void overflow(void)
{
	size_t size = 20;
	char *buf = kmalloc(size, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(size);
	if (buf)
		WRITE_ONCE(buf[size], 0);
	kfree(buf);
}

static void shift(void)
{
	int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	pr_info("shifted: %d\n", 1 << bits);
}

static void sleep_in_atomic_context(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void take_in_either_order(void)
{
	static DEFINE_MUTEX(one);
	static DEFINE_MUTEX(two);

	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);

	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static void revive_from_zero(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void add_twice(void)
{
	LIST_HEAD(head);
	LIST_HEAD(entry);

	list_add(&entry, &head);
	list_add(&entry, &head);
}

static const struct {
	const char *name;
	void (*deed)(void);
} wrongs[] = {
	{ "leak", leak },
	{ "overflow", overflow },
	{ "shift", shift },
	{ "sleep", sleep_in_atomic_context },
	{ "order", take_in_either_order },
	{ "refcount", revive_from_zero },
	{ "list", add_twice },
};

static int __init warnings_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		if (!strcmp(wrongs[i].name, what)) {
			wrongs[i].deed();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit warnings_exit(void)
{
}

module_init(warnings_init);
module_exit(warnings_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Bugs that a debug kernel must report");
