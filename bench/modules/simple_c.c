// SPDX-License-Identifier: GPL-2.0
/*
 * The module that the Rust module is compared with: the two ways to map memory, in C, and as simple
 * as in the book.
 *
 * /dev/simpler_c maps the whole VMA at once with remap_pfn_range(), /dev/simplen_c has a fault
 * handler that returns the page. All memory is allocated at load.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

static ulong pages = 1024;
module_param(pages, ulong, 0);
MODULE_PARM_DESC(pages, "Pages in the region of each device");

/* The most pages that one allocation can have. Each block is mapped by a remap_pfn_range() call. */
#define BLOCK_PAGES MAX_ORDER_NR_PAGES

static void **blocks;
static struct page **singles;

static void simple_vma_open(struct vm_area_struct *vma)
{
	pr_debug("VMA open, virt %lx, pgoff %lx\n", vma->vm_start, vma->vm_pgoff);
}

static void simple_vma_close(struct vm_area_struct *vma)
{
	pr_debug("VMA close, virt %lx, pgoff %lx\n", vma->vm_start, vma->vm_pgoff);
}

static const struct vm_operations_struct simpler_vm_ops = {
	.open = simple_vma_open,
	.close = simple_vma_close,
};

static int simpler_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long addr = vma->vm_start;
	unsigned long page = vma->vm_pgoff;
	unsigned long last = page + vma_pages(vma);

	if (last < page || last > pages)
		return -EINVAL;
	while (page < last) {
		unsigned long first = page % BLOCK_PAGES;
		unsigned long count = min(BLOCK_PAGES - first, last - page);
		unsigned long pfn = page_to_pfn(virt_to_page(blocks[page / BLOCK_PAGES]));
		int ret = remap_pfn_range(vma, addr, pfn + first, count << PAGE_SHIFT,
					  vma->vm_page_prot);

		if (ret)
			return ret;
		page += count;
		addr += count << PAGE_SHIFT;
	}
	vma->vm_ops = &simpler_vm_ops;
	simple_vma_open(vma);
	return 0;
}

static vm_fault_t simplen_fault(struct vm_fault *vmf)
{
	struct page *page;

	if (vmf->pgoff >= pages)
		return VM_FAULT_SIGBUS;
	page = singles[vmf->pgoff];
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct simplen_vm_ops = {
	.open = simple_vma_open,
	.close = simple_vma_close,
	.fault = simplen_fault,
};

static int simplen_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long last = vma->vm_pgoff + vma_pages(vma);

	if (last < vma->vm_pgoff || last > pages)
		return -EINVAL;
	vma->vm_ops = &simplen_vm_ops;
	simple_vma_open(vma);
	return 0;
}

static const struct file_operations simpler_fops = {
	.owner = THIS_MODULE,
	.mmap = simpler_mmap,
};

static const struct file_operations simplen_fops = {
	.owner = THIS_MODULE,
	.mmap = simplen_mmap,
};

static struct miscdevice simpler = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "simpler_c",
	.fops = &simpler_fops,
};

static struct miscdevice simplen = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "simplen_c",
	.fops = &simplen_fops,
};

static void free_memory(void)
{
	unsigned long i;

	for (i = 0; blocks && i < DIV_ROUND_UP(pages, BLOCK_PAGES); i++)
		if (blocks[i])
			free_pages_exact(blocks[i], min(pages - i * BLOCK_PAGES, BLOCK_PAGES) <<
						    PAGE_SHIFT);
	for (i = 0; singles && i < pages; i++)
		if (singles[i])
			__free_page(singles[i]);
	kvfree(blocks);
	kvfree(singles);
}

static int allocate_memory(void)
{
	unsigned long i;

	blocks = kvcalloc(DIV_ROUND_UP(pages, BLOCK_PAGES), sizeof(*blocks), GFP_KERNEL);
	singles = kvcalloc(pages, sizeof(*singles), GFP_KERNEL);
	if (!blocks || !singles)
		return -ENOMEM;
	for (i = 0; i < DIV_ROUND_UP(pages, BLOCK_PAGES); i++) {
		blocks[i] = alloc_pages_exact(min(pages - i * BLOCK_PAGES, BLOCK_PAGES) <<
					      PAGE_SHIFT, GFP_KERNEL | __GFP_ZERO);
		if (!blocks[i])
			return -ENOMEM;
	}
	for (i = 0; i < pages; i++) {
		singles[i] = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
		if (!singles[i])
			return -ENOMEM;
	}
	return 0;
}

static int __init simple_init(void)
{
	int ret = allocate_memory();

	if (ret)
		goto out_memory;
	ret = misc_register(&simpler);
	if (ret)
		goto out_memory;
	ret = misc_register(&simplen);
	if (ret)
		goto out_simpler;
	return 0;

out_simpler:
	misc_deregister(&simpler);
out_memory:
	free_memory();
	return ret;
}

static void __exit simple_exit(void)
{
	misc_deregister(&simplen);
	misc_deregister(&simpler);
	free_memory();
}

module_init(simple_init);
module_exit(simple_exit);
MODULE_DESCRIPTION("Two ways to map memory into a process, in C");
MODULE_LICENSE("GPL");
