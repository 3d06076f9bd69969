// SPDX-License-Identifier: GPL-2.0

//! Two PCI devices, driven by their mapped registers: QEMU's `edu`, see docs/specs/edu.rst there.

use crate::mapping::{open, page_size, Mapping};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

const BAR_SIZE: usize = 1 << 20;

// Offsets of registers of 32 bits.
const IDENTIFICATION: usize = 0x00;
const LIVENESS: usize = 0x04;
const FACTORIAL: usize = 0x08;
const STATUS: usize = 0x20;
const STATUS_INTERRUPT: u32 = 0x80;

struct Device {
    file: File,
    mapping: Mapping,
}

impl Device {
    fn open(number: usize) -> Self {
        let file = open(&format!("/dev/simple_edu{number}")).unwrap();
        let mapping = Mapping::shared(&file, 0, BAR_SIZE / page_size()).unwrap();
        Self { file: file.into(), mapping }
    }

    fn register(&self, offset: usize) -> &AtomicU32 {
        &self.mapping.half_words()[offset / 4]
    }

    /// Waits for an interrupt, and returns how many there were.
    fn wait(&self) -> u32 {
        let mut count = [0; 4];
        self.file.read_exact_at(&mut count, BAR_SIZE as u64).unwrap();
        u32::from_ne_bytes(count)
    }
}

/// A thread for each device has it compute factorials, and waits for its interrupts.
pub fn both_devices_compute() {
    thread::scope(|scope| {
        for number in 0..2 {
            scope.spawn(move || {
                let device = Device::open(number);
                assert_eq!(device.register(IDENTIFICATION).load(Relaxed), 0x0100_00ed);
                device.register(LIVENESS).store(0x1234, Relaxed);
                assert_eq!(device.register(LIVENESS).load(Relaxed), !0x1234);

                device.register(STATUS).store(STATUS_INTERRUPT, Relaxed);
                let mut seen = None;
                for n in 1..=12 {
                    device.register(FACTORIAL).store(n, Relaxed);
                    let count = device.wait();
                    assert_ne!(seen.replace(count), Some(count));
                    assert_eq!(device.register(FACTORIAL).load(Relaxed), (1..=n).product());
                }
            });
        }
    });
}

/// A `read` of a register and a load from the mapping give the same value.
pub fn read_and_mapping_agree() {
    let device = Device::open(0);
    let mut word = [0; 4];
    device.file.write_all_at(&7_u32.to_le_bytes(), 4).unwrap();
    assert_eq!(device.register(LIVENESS).load(Relaxed), !7);
    device.file.read_exact_at(&mut word, 4).unwrap();
    assert_eq!(u32::from_le_bytes(word), !7);
    let refused = device.file.read_at(&mut word, 2).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}
