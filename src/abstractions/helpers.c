// SPDX-License-Identifier: GPL-2.0

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "helpers.h"

void simple_mmap_get_page(struct page *page)
{
	get_page(page);
}

void simple_mmap_put_page(struct page *page)
{
	put_page(page);
}

phys_addr_t simple_mmap_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

phys_addr_t simple_mmap_virt_to_phys(void *addr)
{
	return virt_to_phys(addr);
}

/*
 * Zeroed. Fails rather than have the OOM killer end processes for the sake of
 * a large region, and leaves the report to the caller.
 */
void *simple_mmap_alloc_pages_exact(size_t size)
{
	return alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO |
				       __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
}
