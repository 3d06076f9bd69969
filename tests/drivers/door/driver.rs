// SPDX-License-Identifier: GPL-2.0

//! door: a character device with its own major number and file operations. Every open file has a
//! page, which all its mappings share. The page is in private data that is no `Arc`.

use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::ForeignOwnable, //
};

use simple_mmap::{
    compat::this_module::this_module,
    mm::{
        address_space::AddressSpace,
        vm_operations::{
            file_data,
            FileData, //
        }, //
    },
    prelude::*, //
};

module! {
    type: Door,
    name: "door",
    authors: ["The simple developers"],
    description: "A page for each open file of a character device of its own",
    license: "GPL v2",
}

/// How many minor numbers the device has.
const MINORS: c_uint = 1;

/// The name of the device in /proc/devices.
const NAME: &CStr = c"door";

/// The registered device.
///
/// # Invariants
///
/// `major` is registered with `__register_chrdev()`.
struct Door {
    major: c_uint,
}

impl kernel::Module for Door {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: The name and the operations are static, and the drop unregisters them.
        let major = unsafe { bindings::__register_chrdev(0, 0, MINORS, NAME.as_char_ptr(), &FOPS) };
        to_result(major)?;
        // INVARIANT: It was just registered. A major number of 0 asks for one to be chosen.
        Ok(Self {
            major: major as c_uint,
        })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is registered.
        unsafe { bindings::__unregister_chrdev(self.major, 0, MINORS, NAME.as_char_ptr()) };
    }
}

/// The private data of an open file.
struct Client {
    _id: u64,
    page: Page,
}

/// The page of an open file, which is mapped.
struct Page(ARef<SharedPage>);

/// Finds the page in the private data of a file.
///
/// # Safety
///
/// The file must be an open one of this device.
unsafe fn page_of(file: *const bindings::file) -> *const Page {
    // SAFETY: The private data of an open file is a `Client`, until it is released.
    unsafe { &raw const (*(*file).private_data.cast::<Client>()).page }
}

impl VmOperations for Page {
    // SAFETY: It only computes where the page is in the client. The open files of this device have
    // one each, to which there are only shared references.
    const FILE_DATA: FileData<Self> = unsafe { FileData::new(page_of) };
}

impl Pages for Page {
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        if vmf.pgoff() != Pgoff::new(0) {
            return Err(VmFaultError::SigBus);
        }
        Ok(self.0.clone())
    }
}

const FOPS: bindings::file_operations = bindings::file_operations {
    owner: this_module(),
    open: Some(open),
    release: Some(release),
    mmap_prepare: Some(mmap_prepare),
    fop_flags: bindings::FOP_UNSIGNED_OFFSET,
    ..pin_init::zeroed()
};

/// Makes the private data and the address space of a file that is opened.
fn opened() -> Result<(KBox<Client>, AddressSpace)> {
    let page = Page(SharedPage::alloc(GFP_KERNEL)?);
    let client = KBox::new(Client { _id: 1, page }, GFP_KERNEL)?;
    Ok((client, AddressSpace::with_size(PAGE_SIZE as u64)?))
}

/// # Safety
///
/// Called by `chrdev_open()` only, for a file that is being opened.
unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    match opened() {
        Ok((client, space)) => {
            // SAFETY: A file that is being opened is ours.
            unsafe {
                (*file).private_data = client.into_foreign();
                (*file).f_mapping = space.into_mapping();
            }
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// `file` must be a file of this device whose last user is gone.
unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: Both are the file's since `open`, and it is released once.
    let (client, space) = unsafe {
        (
            KBox::<Client>::from_foreign((*file).private_data),
            AddressSpace::from_mapping((*file).f_mapping),
        )
    };
    drop((client, space));
    0
}

/// # Safety
///
/// `desc` must describe a mapping of an open file of this device, which nobody has changed yet.
unsafe extern "C" fn mmap_prepare(desc: *mut bindings::vm_area_desc) -> c_int {
    // SAFETY: This is the operation, and the file is open, so that it is fit for `Page` until it is
    // released. It has the address space that `open` gave it until then, and holds the module by
    // the owner of its operations.
    let mapped = unsafe { VmaDesc::from_raw(desc) }.and_then(|mut desc| {
        desc.deny_exec()?;
        Ok::<VmaDesc<'_, Page, Ready>, Error>(desc.serve_pages())
    });
    // SAFETY: As above.
    let page = unsafe { file_data::<Page>((*desc).file) };
    match mapped {
        Ok(_) => {
            pr_info!("mapped page frame {:x}\n", page.0.pfn().as_raw());
            0
        }
        Err(error) => error.to_errno(),
    }
}
