// SPDX-License-Identifier: GPL-2.0

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/jump_label.h>
#include <linux/mm.h>

#include "helpers.h"

/* As get_page(), of a page that no slab allocator owns. */
notrace void simple_mmap_get_page(struct page *page)
{
	folio_get(page_folio(page));
}

bool simple_mmap_put_page(struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!folio_put_testzero(folio))
		return false;
	__folio_put(folio);
	return true;
}

void *simple_mmap_page_address(struct page *page)
{
	return page_address(page);
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
 * As /dev/mem reckons it. On x86 the MTRRs say what between the pieces of RAM
 * may be cached, whatever the page tables have. Nothing does so elsewhere, and
 * devices can lie below all RAM: there /dev/mem caches RAM only.
 */
phys_addr_t simple_mmap_uncached_from(void)
{
#ifdef CONFIG_X86
	return __pa(high_memory);
#else
	return 0;
#endif
}

unsigned int simple_mmap_phys_bits(void)
{
#if defined(CONFIG_X86)
	return boot_cpu_data.x86_phys_bits;
#elif defined(PHYS_MASK_SHIFT)
	return PHYS_MASK_SHIFT;
#else
	return MAX_PHYSMEM_BITS;
#endif
}

void simple_mmap_static_key_enable(struct static_key *key)
{
	static_key_enable(key);
}

pgprot_t simple_mmap_pgprot_noncached(pgprot_t prot)
{
	return pgprot_noncached(prot);
}

void __iomem *simple_mmap_ioremap_prot(phys_addr_t phys, size_t size, pgprot_t prot)
{
	return ioremap_prot(phys, size, prot);
}

void simple_mmap_copy_from_pfn(void *to, unsigned long pfn, size_t offset, size_t len)
{
	memcpy_from_page(to, pfn_to_page(pfn), offset, len);
}

void simple_mmap_copy_to_pfn(unsigned long pfn, size_t offset, const void *from, size_t len)
{
	memcpy_to_page(pfn_to_page(pfn), offset, from, len);
}

bool simple_mmap_vmf_pmd_is_huge(const struct vm_fault *vmf)
{
	return pmd_trans_huge(pmdp_get_lockless(vmf->pmd));
}

/*
 * Zeroed. Fails quickly, as there is something to fall back to. It is not
 * movable: the kernel could not tell whom to ask for it.
 */
struct page *simple_mmap_alloc_pmd_folio(void)
{
	struct folio *folio = folio_alloc((GFP_TRANSHUGE & ~__GFP_MOVABLE) |
					  __GFP_NORETRY | __GFP_ZERO, PMD_ORDER);

	return folio ? &folio->page : NULL;
}

unsigned long simple_mmap_totalram_pages(void)
{
	return totalram_pages();
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
