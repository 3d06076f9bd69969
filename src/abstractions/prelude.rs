// SPDX-License-Identifier: GPL-2.0

//! The names that drivers import by `use simple_mmap::prelude::*`, beside those of the kernel's
//! prelude.

#[cfg(CONFIG_PCI)]
pub use super::{
    compat::series::{
        pci_devices,
        DevresBar,
        IdInfo, //
    },
    device::{
        irq::{
            request_threaded_irq,
            InterruptHandler, //
        },
        numbered::NumberedDevices,
        pci::{
            device_id,
            BoundSpace, //
        }, //
    },
    mm::frames::{
        RevocableFrames,
        Uncached, //
    },
};
pub use super::{
    compat::{
        debugfs::{
            Counter,
            Counters,
            Dir, //
        },
        iov_iter::zero_iter,
        kiocb::is_nonblocking,
        once_ref::OnceRef,
        series::{
            parameter,
            smp_wmb, //
        },
        static_key::{
            static_branch_unlikely,
            StaticKey, //
        },
        task::Comm, //
    },
    device::{
        ioremap::IoMapping,
        miscdevice::{
            MiscDevice,
            MiscDeviceOptions,
            OpenFile,
            Opening,
            Poll,
            PollEvents, //
        },
        module::{
            module_devices,
            DeviceModule,
            Devices, //
        },
        physical::{
            phys_address_space,
            PhysRange, //
        },
        raw_io::{
            check_lockdown,
            RawIo, //
        }, //
    },
    memory::{
        contig::ContigPages,
        folios::{
            FolioEvents,
            FolioRegion, //
        },
        shared_bytes::SharedBytes,
        vmalloc::VmallocPages, //
    },
    mm::{
        desc::{
            NotCow,
            Ready,
            VmaDesc, //
        },
        fault::{
            VmFault,
            VmFaultError, //
        },
        folio::Folio,
        frames::{
            DeviceFrames,
            FrameRun,
            Frames, //
        },
        page::SharedPage,
        pages::Pages,
        pfn::Pfn,
        pgoff::Pgoff,
        vm_operations::VmOperations,
        vma::{
            FirstPage,
            Vma, //
        }, //
    }, //
};
// The files in `mm` use the kernel's prelude by this module's name.
pub(crate) use kernel::prelude::*;
pub use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    io::PhysAddr,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::PAGE_SIZE,
    seq_file::SeqFile,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    }, //
};
