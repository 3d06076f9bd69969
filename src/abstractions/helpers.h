/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is inline or a macro in C and so has no symbol that Rust could call.
 * bindgen makes the Rust declarations from this file.
 */
#ifndef _SIMPLE_MMAP_HELPERS_H
#define _SIMPLE_MMAP_HELPERS_H

#include <linux/pgtable.h>
#include <linux/types.h>

struct page;
struct static_key;
struct vm_fault;

/* linux/mm.h */
void simple_mmap_get_page(struct page *page);
/* Returns whether the reference was the last one. */
bool simple_mmap_put_page(struct page *page);

void *simple_mmap_page_address(struct page *page);

/* linux/io.h, asm/page.h */
phys_addr_t simple_mmap_page_to_phys(struct page *page);
phys_addr_t simple_mmap_virt_to_phys(void *addr);
phys_addr_t simple_mmap_uncached_from(void);
unsigned int simple_mmap_phys_bits(void);
void __iomem *simple_mmap_ioremap_prot(phys_addr_t phys, size_t size, pgprot_t prot);

/* linux/jump_label.h */
void simple_mmap_static_key_enable(struct static_key *key);

/* linux/pgtable.h */
pgprot_t simple_mmap_pgprot_noncached(pgprot_t prot);

/* Whether a huge page was mapped there a moment ago. */
bool simple_mmap_vmf_pmd_is_huge(const struct vm_fault *vmf);

/* linux/huge_mm.h, linux/gfp.h; of a folio the first page */
static const unsigned int simple_mmap_pmd_order = PMD_ORDER;
struct page *simple_mmap_alloc_pmd_folio(void);

/* linux/highmem.h; the page frame must be RAM */
void simple_mmap_copy_from_pfn(void *to, unsigned long pfn, size_t offset, size_t len);
void simple_mmap_copy_to_pfn(unsigned long pfn, size_t offset, const void *from, size_t len);

unsigned long simple_mmap_totalram_pages(void);

/* linux/gfp.h */
void *simple_mmap_alloc_pages_exact(size_t size);

#endif
