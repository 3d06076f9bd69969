// SPDX-License-Identifier: GPL-2.0
/*
 * A UIO device with memory that UIO maps page by page, as it does for UIO_MEM_LOGICAL: contiguous
 * memory, or with virt=1 memory from vmalloc(), which can be larger.
 */
#include <linux/device/faux.h>
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/uio_driver.h>
#include <linux/vmalloc.h>

static ulong pages = 1024;
module_param(pages, ulong, 0);
MODULE_PARM_DESC(pages, "Pages in the device's memory");

static bool virt;
module_param(virt, bool, 0);
MODULE_PARM_DESC(virt, "Memory from vmalloc() instead of contiguous memory");

static struct faux_device *parent;

static struct uio_info info = {
	.name = "bench_uio",
	.version = "1",
	.irq = UIO_IRQ_NONE,
	.mem[0].name = "memory",
};

static void free_memory(void *memory)
{
	if (virt)
		vfree(memory);
	else
		free_pages_exact(memory, info.mem[0].size);
}

static int __init bench_uio_init(void)
{
	void *memory;
	int ret;

	info.mem[0].size = pages << PAGE_SHIFT;
	info.mem[0].memtype = virt ? UIO_MEM_VIRTUAL : UIO_MEM_LOGICAL;
	memory = virt ? vzalloc(info.mem[0].size) :
			alloc_pages_exact(info.mem[0].size, GFP_KERNEL | __GFP_ZERO);
	if (!memory)
		return -ENOMEM;
	info.mem[0].addr = (uintptr_t)memory;

	ret = -ENODEV;
	parent = faux_device_create("bench_uio", NULL, NULL);
	if (!parent)
		goto out_memory;
	ret = uio_register_device(&parent->dev, &info);
	if (ret)
		goto out_parent;
	return 0;

out_parent:
	faux_device_destroy(parent);
out_memory:
	free_memory(memory);
	return ret;
}

static void __exit bench_uio_exit(void)
{
	void *memory = (void *)(uintptr_t)info.mem[0].addr;

	uio_unregister_device(&info);
	faux_device_destroy(parent);
	free_memory(memory);
}

module_init(bench_uio_init);
module_exit(bench_uio_exit);
MODULE_DESCRIPTION("A UIO device with memory, for the benchmark");
MODULE_LICENSE("GPL");
