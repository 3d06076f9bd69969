// SPDX-License-Identifier: GPL-2.0

#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/userfaultfd_k.h>

/*
 * get_page() and folio_put_testzero(). Safe Rust code can forget so many
 * references that the count would wrap around. The count is then set far below
 * 0, as that of a refcount_t is, and these functions leave it there. To free the
 * folio, C code would have to drop 3 * 2^30 references after that, such as those
 * of page tables.
 */
__rust_helper void rust_helper_get_page_saturating(struct page *page)
{
	struct folio *folio = page_folio(page);

	folio_get(folio);
	if (WARN_ON_ONCE(folio_ref_count(folio) < 0))
		folio_set_count(folio, INT_MIN / 2);
}

__rust_helper bool rust_helper_folio_put_testzero_saturating(struct folio *folio)
{
	if (unlikely(folio_ref_count(folio) < 0)) {
		folio_set_count(folio, INT_MIN / 2);
		return false;
	}
	return folio_put_testzero(folio);
}

__rust_helper struct folio *rust_helper_page_folio(struct page *page)
{
	return page_folio(page);
}

__rust_helper unsigned int rust_helper_folio_order(struct folio *folio)
{
	return folio_order(folio);
}

__rust_helper void *rust_helper_page_address(struct page *page)
{
	return page_address(page);
}

__rust_helper phys_addr_t rust_helper_page_to_phys(struct page *page)
{
	return page_to_phys(page);
}

__rust_helper bool rust_helper_page_is_hwpoisoned(struct page *page)
{
	return PageHWPoison(page);
}

/*
 * Whether a page of a large folio is hardware-poisoned. memory_failure() marks
 * only the page if the folio is of a kind that it cannot handle, but
 * finish_fault() tests the mark of the folio: so that is set here.
 */
__rust_helper bool rust_helper_folio_find_hwpoisoned(struct folio *folio)
{
#ifdef CONFIG_MEMORY_FAILURE
	const struct page *page = &folio->page, *end = page + folio_nr_pages(folio);
	unsigned long flags = 0;

	/* Unrolled, because every huge fault runs this loop over all pages of its folio. */
#pragma GCC unroll 8
	for (; page != end; page++)
		/* If a page breaks during this, the kernel finds that when the page is touched. */
		flags |= data_race(page->flags.f);
	if (flags & (1UL << PG_hwpoison)) {
		folio_set_has_hwpoisoned(folio);
		return true;
	}
#endif
	return false;
}

__rust_helper void rust_helper_folio_set_has_hwpoisoned(struct folio *folio)
{
	folio_set_has_hwpoisoned(folio);
}

__rust_helper unsigned long rust_helper_page_pgoff(struct page *page)
{
	return page_pgoff(page_folio(page), page);
}

__rust_helper void rust_helper_folio_set_index(struct folio *folio, unsigned long index)
{
	folio->index = index;
}

__rust_helper void rust_helper_mmap_action_remap_full(struct vm_area_desc *desc,
						      unsigned long pfn)
{
	mmap_action_remap_full(desc, pfn);
}

__rust_helper pgprot_t rust_helper_pgprot_noncached(pgprot_t prot)
{
	return pgprot_noncached(prot);
}

__rust_helper pgprot_t rust_helper_pgprot_writecombine(pgprot_t prot)
{
	return pgprot_writecombine(prot);
}

__rust_helper pgprot_t rust_helper_pgprot_decrypted(pgprot_t prot)
{
	return pgprot_decrypted(prot);
}

__rust_helper void rust_helper_i_size_write(struct inode *inode, loff_t size)
{
	i_size_write(inode, size);
}

__rust_helper bool rust_helper_userfaultfd_armed(struct vm_area_struct *vma)
{
	return userfaultfd_armed(vma);
}

__rust_helper bool rust_helper_vmf_pmd_trans_huge(const struct vm_fault *vmf)
{
	return pmd_trans_huge(pmdp_get_lockless(vmf->pmd));
}

__rust_helper void __iomem *rust_helper_ioremap_prot(phys_addr_t phys, size_t size, pgprot_t prot)
{
#ifdef CONFIG_HAVE_IOREMAP_PROT
	return ioremap_prot(phys, size, prot);
#else
	return NULL;
#endif
}

/* Whether the kernel may access a page frame of RAM: it is online and not broken. */
__rust_helper bool rust_helper_pfn_is_accessible(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);

	return page && !PageHWPoison(page);
}

__rust_helper void rust_helper_memcpy_from_pfn(void *to, unsigned long pfn, size_t offset,
					       size_t len)
{
	memcpy_from_page(to, pfn_to_page(pfn), offset, len);
}

__rust_helper void rust_helper_memcpy_to_pfn(unsigned long pfn, size_t offset, const void *from,
					     size_t len)
{
	memcpy_to_page(pfn_to_page(pfn), offset, from, len);
}

__rust_helper void rust_helper_mark_pfn_dirty(unsigned long pfn)
{
	folio_mark_dirty(page_folio(pfn_to_page(pfn)));
}
