// SPDX-License-Identifier: GPL-2.0

#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/jump_label.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "helpers.h"

/* The helpers of the abstractions in mm, written as those in rust/helpers of the kernel are. */
#define __rust_helper notrace
#include "../mm/helpers.c"

/* A module in Rust cannot declare its version itself. */
#ifdef SIMPLE_MMAP_VERSION
MODULE_VERSION(SIMPLE_MMAP_VERSION);
#endif

void rust_helper_mmap_action_ioremap_full(struct vm_area_desc *desc,
					  unsigned long pfn)
{
	mmap_action_ioremap_full(desc, pfn);
}

struct file *
rust_helper_anon_inode_create_getfile(const char *name, const struct file_operations *fops,
				      void *priv, int flags, const struct inode *context_inode)
{
	return anon_inode_create_getfile(name, fops, priv, flags, context_inode);
}

loff_t rust_helper_i_size_read(const struct inode *inode)
{
	return i_size_read(inode);
}

bool rust_helper_iov_iter_is_kvec(const struct iov_iter *iter)
{
	return iov_iter_is_kvec(iter);
}

phys_addr_t rust_helper_virt_to_phys(void *addr)
{
	return virt_to_phys(addr);
}

void *rust_helper_phys_to_virt(phys_addr_t phys)
{
	return phys_to_virt(phys);
}

/*
 * The address from which on /dev/mem does not cache. On x86 that is the end of
 * RAM: between the ranges of RAM, the MTRRs decide what is cached, whatever the
 * page tables say. Other architectures have no such thing, and devices can lie
 * below all RAM: there /dev/mem caches RAM only.
 */
phys_addr_t rust_helper_uncached_from(void)
{
#ifdef CONFIG_X86
	return __pa(high_memory);
#else
	return 0;
#endif
}

/* Below this address /dev/mem does not check whether a driver has claimed a range. */
phys_addr_t rust_helper_unclaimed_below(void)
{
#ifdef CONFIG_X86
	return SZ_1M;
#else
	return 0;
#endif
}

unsigned int rust_helper_phys_bits(void)
{
#if defined(CONFIG_X86)
	return boot_cpu_data.x86_phys_bits;
#elif defined(PHYS_MASK_SHIFT)
	return PHYS_MASK_SHIFT;
#else
	return MAX_PHYSMEM_BITS;
#endif
}

/* Whether any of these page frames is ZONE_DEVICE memory, which a driver has added. */
bool rust_helper_zone_device_between(unsigned long pfn, unsigned long end)
{
#ifdef CONFIG_ZONE_DEVICE
	/* ZONE_DEVICE memory is added in units of subsections. */
	for (; pfn < end; pfn = ALIGN(pfn + 1, PAGES_PER_SUBSECTION)) {
		/* Memory that is being removed is not found; other memory stays until the put. */
		struct dev_pagemap *pgmap = get_dev_pagemap(pfn);

		if (pgmap) {
			put_dev_pagemap(pgmap);
			return true;
		}
		cond_resched();
	}
#endif
	return false;
}

/* Copies between a buffer of the kernel and memory that user space has mapped. */
void rust_helper_memcpy_shared(void *to, const void *from, size_t len)
{
	/* Others may write there meanwhile, and the caller accepts whatever bytes are copied. */
	data_race(memcpy(to, from, len));
}

void rust_helper_memset_shared(void *to, int byte, size_t len)
{
	/* As in memcpy_shared(). */
	data_race(memset(to, byte, len));
}

void *rust_helper_alloc_pages_exact(size_t size, gfp_t gfp)
{
	return alloc_pages_exact(size, gfp);
}

int rust_helper_alloc_contig_range(unsigned long start, unsigned long end, gfp_t gfp)
{
#ifdef CONFIG_CONTIG_ALLOC
	return alloc_contig_range(start, end, ACR_FLAGS_NONE, gfp);
#else
	return -EOPNOTSUPP;
#endif
}

void rust_helper_free_contig_range(unsigned long pfn, unsigned long nr_pages)
{
#ifdef CONFIG_CONTIG_ALLOC
	free_contig_range(pfn, nr_pages);
#endif
}

/*
 * Gives a number to each zone that the kernel can allocate memory for itself
 * from: first those of node 0, from ZONE_NORMAL down, then those of the next.
 */
static struct zone *numbered_zone(unsigned int index)
{
	unsigned int nid = index / (ZONE_NORMAL + 1);

	if (!node_online(nid))
		return NULL;
	return &NODE_DATA(nid)->node_zones[ZONE_NORMAL - index % (ZONE_NORMAL + 1)];
}

/* Gets the page frames of the zone with this number. Returns false if there is no such number. */
bool rust_helper_zone_span(unsigned int index, unsigned long *start_pfn,
			   unsigned long *end_pfn)
{
	struct zone *zone;

	if (index / (ZONE_NORMAL + 1) >= MAX_NUMNODES)
		return false;
	zone = numbered_zone(index);
	*start_pfn = zone ? zone->zone_start_pfn : 0;
	*end_pfn = zone ? zone_end_pfn(zone) : 0;
	return true;
}

/* Whether the pageblock that starts at this page frame is online, and all of it in the zone. */
bool rust_helper_pageblock_in_zone(unsigned long pfn, unsigned int index)
{
	struct page *first = pfn_to_online_page(pfn);
	struct page *last = pfn_to_online_page(pfn + pageblock_nr_pages - 1);
	struct zone *zone = numbered_zone(index);

	return first && last && page_zone(first) == zone && page_zone(last) == zone;
}

unsigned long rust_helper_pageblock_nr_pages(void)
{
	return pageblock_nr_pages;
}

void *rust_helper_kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp);
}

void *rust_helper___vmalloc(unsigned long size, gfp_t gfp)
{
	return __vmalloc(size, gfp);
}

void rust_helper_vfree(const void *addr)
{
	vfree(addr);
}

int rust_helper_register_memory_notifier(struct notifier_block *nb)
{
	return register_memory_notifier(nb);
}

void rust_helper_unregister_memory_notifier(struct notifier_block *nb)
{
	unregister_memory_notifier(nb);
}

bool rust_helper_mhp_supports_memmap_on_memory(void)
{
#ifdef CONFIG_MEMORY_HOTPLUG
	return mhp_supports_memmap_on_memory();
#else
	return false;
#endif
}

/* Whether a memory notifier is called for memory that goes online, and for which page frames. */
bool rust_helper_memory_going_online(unsigned long action, void *data,
				     unsigned long *start_pfn,
				     unsigned long *nr_pages)
{
	const struct memory_notify *notify = data;

	if (action != MEM_GOING_ONLINE)
		return false;
	*start_pfn = notify->start_pfn;
	*nr_pages = notify->nr_pages;
	return true;
}

#ifdef CONFIG_PCI
/* Whether a BAR is a memory BAR, and has an address. */
bool rust_helper_pci_bar_is_memory(struct pci_dev *pdev, int bar)
{
	return !pdev->non_mappable_bars &&
	       (pci_resource_flags(pdev, bar) & (IORESOURCE_MEM | IORESOURCE_UNSET)) ==
		       IORESOURCE_MEM;
}
#endif

void rust_helper_static_key_enable(struct static_key *key)
{
	static_key_enable(key);
}
