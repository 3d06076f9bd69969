/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that are inline or macros, and C constants that bindgen cannot
 * evaluate. Their names are made like those of the kernel's own helpers: from
 * rust_helper_ or RUST_CONST_HELPER_ and the name in C. The build omits the
 * prefix in the Rust declarations, as that of the kernel does.
 */
#ifndef _SIMPLE_MMAP_HELPERS_H
#define _SIMPLE_MMAP_HELPERS_H

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/types.h>

struct file;
struct file_operations;
struct folio;
struct inode;
struct iov_iter;
struct notifier_block;
struct page;
struct pci_dev;
struct static_key;
struct vm_area_desc;
struct vm_area_struct;
struct vm_fault;

/* linux/gfp.h, linux/huge_mm.h, linux/mmzone.h */
static const gfp_t RUST_CONST_HELPER_GFP_HIGHUSER = GFP_HIGHUSER;
static const gfp_t RUST_CONST_HELPER___GFP_COMP = __GFP_COMP;
static const gfp_t RUST_CONST_HELPER___GFP_NOMEMALLOC = __GFP_NOMEMALLOC;
static const gfp_t RUST_CONST_HELPER___GFP_NORETRY = __GFP_NORETRY;
static const gfp_t RUST_CONST_HELPER___GFP_RETRY_MAYFAIL = __GFP_RETRY_MAYFAIL;
static const unsigned int RUST_CONST_HELPER_PMD_ORDER = PMD_ORDER;

/* linux/mm.h: pages and folios */
void rust_helper_get_page_saturating(struct page *page);
struct folio *rust_helper_page_folio(struct page *page);
bool rust_helper_folio_put_testzero_saturating(struct folio *folio);
unsigned int rust_helper_folio_order(struct folio *folio);
void *rust_helper_page_address(struct page *page);
phys_addr_t rust_helper_page_to_phys(struct page *page);
bool rust_helper_page_is_hwpoisoned(struct page *page);
bool rust_helper_folio_find_hwpoisoned(struct folio *folio);
void rust_helper_folio_set_has_hwpoisoned(struct folio *folio);
unsigned long rust_helper_page_pgoff(struct page *page);
void rust_helper_folio_set_index(struct folio *folio, unsigned long index);

/* linux/mm.h: describing and serving mappings */
void rust_helper_mmap_action_remap_full(struct vm_area_desc *desc, unsigned long pfn);
void rust_helper_mmap_action_ioremap_full(struct vm_area_desc *desc, unsigned long pfn);
bool rust_helper_userfaultfd_armed(struct vm_area_struct *vma);
bool rust_helper_vmf_pmd_trans_huge(const struct vm_fault *vmf);
pgprot_t rust_helper_pgprot_noncached(pgprot_t prot);
pgprot_t rust_helper_pgprot_decrypted(pgprot_t prot);
pgprot_t rust_helper_pgprot_writecombine(pgprot_t prot);

/* linux/fs.h, linux/anon_inodes.h */
static const fmode_t RUST_CONST_HELPER_FMODE_NOWAIT = FMODE_NOWAIT;
static const int RUST_CONST_HELPER_IOCB_NOWAIT = IOCB_NOWAIT;
struct file *rust_helper_anon_inode_create_getfile(const char *name,
						   const struct file_operations *fops, void *priv,
						   int flags, const struct inode *context_inode);
void rust_helper_i_size_write(struct inode *inode, loff_t size);
loff_t rust_helper_i_size_read(const struct inode *inode);

/* linux/uio.h */
bool rust_helper_iov_iter_is_kvec(const struct iov_iter *iter);

/* linux/io.h, asm/page.h */
phys_addr_t rust_helper_virt_to_phys(void *addr);
void *rust_helper_phys_to_virt(phys_addr_t phys);
void __iomem *rust_helper_ioremap_prot(phys_addr_t phys, size_t size, pgprot_t prot);
phys_addr_t rust_helper_uncached_from(void);
phys_addr_t rust_helper_unclaimed_below(void);
unsigned int rust_helper_phys_bits(void);
bool rust_helper_pfn_is_accessible(unsigned long pfn);
bool rust_helper_zone_device_between(unsigned long pfn, unsigned long end);

/* linux/highmem.h; the page frame must be RAM */
void rust_helper_memcpy_from_pfn(void *to, unsigned long pfn, size_t offset, size_t len);
void rust_helper_memcpy_to_pfn(unsigned long pfn, size_t offset, const void *from, size_t len);
void rust_helper_mark_pfn_dirty(unsigned long pfn);

/* linux/string.h; others may write the memory meanwhile */
void rust_helper_memcpy_shared(void *to, const void *from, size_t len);
void rust_helper_memset_shared(void *to, int byte, size_t len);

/* linux/gfp.h, linux/mmzone.h, linux/slab.h, linux/vmalloc.h */
void *rust_helper_alloc_pages_exact(size_t size, gfp_t gfp);
int rust_helper_alloc_contig_range(unsigned long start, unsigned long end, gfp_t gfp);
void rust_helper_free_contig_range(unsigned long pfn, unsigned long nr_pages);
bool rust_helper_zone_span(unsigned int index, unsigned long *start_pfn, unsigned long *end_pfn);
bool rust_helper_pageblock_in_zone(unsigned long pfn, unsigned int index);
unsigned long rust_helper_pageblock_nr_pages(void);
void *rust_helper_kvmalloc(size_t size, gfp_t gfp);
void *rust_helper___vmalloc(unsigned long size, gfp_t gfp);
void rust_helper_vfree(const void *addr);

/* linux/memory.h */
int rust_helper_register_memory_notifier(struct notifier_block *nb);
void rust_helper_unregister_memory_notifier(struct notifier_block *nb);
bool rust_helper_mhp_supports_memmap_on_memory(void);
bool rust_helper_memory_going_online(unsigned long action, void *data,
				     unsigned long *start_pfn, unsigned long *nr_pages);

/* linux/pci.h */
bool rust_helper_pci_bar_is_memory(struct pci_dev *pdev, int bar);

/* linux/jump_label.h */
void rust_helper_static_key_enable(struct static_key *key);

#endif
