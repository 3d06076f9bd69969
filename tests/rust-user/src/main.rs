// SPDX-License-Identifier: GPL-2.0

//! Tests the devices with code as a user program in Rust would have it. The output is TAP.

mod edu;
mod mapping;

use mapping::{open, page_size, Mapping};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::{env, fs, thread};

const DEVICES: [&str; 2] = ["/dev/simpler", "/dev/simplen"];
/// The size of the regions. It is that of most C test programs, so that a built-in driver that was
/// booted with it can run all of them.
const PAGES: usize = 16;
const EDU_MODULE: &str = "/simple_edu.ko";

/// The tests that are run on each of the devices.
type Test = fn(&str);

/// The tests that reload or unload the module, which a built-in driver cannot do.
const OF_MODULES: [&str; 2] = ["memory_is_zero_at_first", "module_stays_while_mapped"];

const TESTS: &[(&str, Test)] = &[
    ("memory_is_zero_at_first", memory_is_zero_at_first),
    ("threads_count_together", threads_count_together),
    ("processes_exchange_messages", processes_exchange_messages),
    ("maps_file_names_the_device", maps_file_names_the_device),
    ("mapping_outlives_the_file", mapping_outlives_the_file),
    ("file_and_mapping_agree", file_and_mapping_agree),
    ("private_mapping_is_a_copy", private_mapping_is_a_copy),
    ("errors_are_what_the_readme_says", errors_are_what_the_readme_says),
    ("mapping_grows_where_pages_come_on_demand", mapping_grows_where_pages_come_on_demand),
    ("module_stays_while_mapped", module_stays_while_mapped),
];

/// The tests of simple_edu's devices.
const EDU_TESTS: &[(&str, fn())] = &[
    ("both_devices_compute", edu::both_devices_compute),
    ("read_and_mapping_agree", edu::read_and_mapping_agree),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    if let [_, role, device] = &args[..] {
        assert_eq!(role, "echo");
        echo(device);
        return ExitCode::SUCCESS;
    }

    println!("TAP version 13\n1..{}", TESTS.len() * DEVICES.len() + EDU_TESTS.len());
    let mut number = 0;
    let mut status = ExitCode::SUCCESS;
    for device in DEVICES {
        for (name, test) in TESTS {
            number += 1;
            if let Some(reason) = why_to_skip(name) {
                println!("ok {number} {device} {name} # SKIP the driver is built in{reason}");
                continue;
            }
            // Reload the module for each test, or zero the memory if the driver is built in.
            let passed = catch_unwind(|| {
                if built_in() {
                    clear(device);
                    return test(device);
                }
                assert!(module(&["insmod", "/simple.ko", &format!("pages={PAGES}")]));
                test(device);
                assert!(module(&["rmmod", "simple"]), "something still holds the module");
            });
            let verdict = if passed.is_ok() { "ok" } else { "not ok" };
            println!("{verdict} {number} {device} {name}");
            if passed.is_err() {
                module(&["rmmod", "simple"]);
                status = ExitCode::FAILURE;
            }
        }
    }
    for (name, test) in EDU_TESTS {
        number += 1;
        let passed = catch_unwind(|| {
            assert!(module(&["insmod", EDU_MODULE]));
            test();
            assert!(module(&["rmmod", "simple_edu"]), "something still holds the module");
        });
        let verdict = if passed.is_ok() { "ok" } else { "not ok" };
        println!("{verdict} {number} edu {name}");
        if passed.is_err() {
            module(&["rmmod", "simple_edu"]);
            status = ExitCode::FAILURE;
        }
    }
    status
}

/// Whether the driver is built into the kernel; the guest has no module then.
fn built_in() -> bool {
    !Path::new("/simple.ko").exists() && Path::new(DEVICES[0]).exists()
}

/// Why a test is skipped with a built-in driver, in the words of tests/lib/suite.h.
fn why_to_skip(test: &str) -> Option<&'static str> {
    if !built_in() {
        return None;
    }
    if OF_MODULES.contains(&test) {
        return Some("");
    }
    let wanted = format!("pages={PAGES}");
    let cmdline = fs::read_to_string("/proc/cmdline").unwrap();
    let booted: Vec<&str> =
        cmdline.split_whitespace().filter_map(|word| word.strip_prefix("simple.")).collect();
    (booted != [wanted.as_str()]).then_some(", and was loaded with other parameters")
}

/// Makes all of the memory zero.
fn clear(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 0, PAGES).unwrap();
    memory.iter().for_each(|word| word.store(0, Relaxed));
}

/// Runs insmod or rmmod, and tells whether it succeeded.
fn module(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).output().expect(command[0]);
    output.status.success()
}

fn memory_is_zero_at_first(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 0, PAGES).unwrap();
    assert!(memory.iter().all(|word| word.load(Relaxed) == 0));
}

/// Half of the threads share a mapping, the others have one each.
fn threads_count_together(device: &str) {
    let file = open(device).unwrap();
    let memory = Mapping::shared(&file, 0, PAGES).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let (file, memory) = (&file, &memory);
            scope.spawn(move || {
                let own = Mapping::shared(file, 0, PAGES).unwrap();
                let memory = if number % 2 == 0 { memory } else { &own };
                for page in 0..PAGES {
                    for _ in 0..100 {
                        memory.page(page)[5].fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    for page in 0..PAGES {
        assert_eq!(memory.page(page)[5].load(Relaxed), 800);
    }
}

/// The words by which the two processes tell their progress, and where the messages are.
const SENT: usize = 0;
const ANSWERED: usize = 1;
const MESSAGES: usize = 2;
const COUNT: u64 = 1000;

/// Sends numbers to another process, which maps the device itself and answers with their squares.
fn processes_exchange_messages(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 0, PAGES).unwrap();
    let mut other =
        Command::new("/proc/self/exe").args(["echo", device]).spawn().expect("a process");
    for number in 1..=COUNT {
        let message = &memory.page(MESSAGES)[number as usize % 16];
        message.store(number, Relaxed);
        memory.page(SENT)[0].store(number, Release);
        while memory.page(ANSWERED)[0].load(Acquire) < number {
            thread::yield_now();
        }
        assert_eq!(message.load(Relaxed), number * number);
    }
    assert!(other.wait().unwrap().success());
}

/// What the other process does.
fn echo(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 0, PAGES).unwrap();
    for number in 1..=COUNT {
        while memory.page(SENT)[0].load(Acquire) < number {
            thread::yield_now();
        }
        let message = &memory.page(MESSAGES)[number as usize % 16];
        message.store(message.load(Relaxed).pow(2), Relaxed);
        memory.page(ANSWERED)[0].store(number, Release);
    }
}

fn maps_file_names_the_device(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 3, 5).unwrap();
    let address = memory.as_ptr() as usize;
    let range = format!("{:x}-{:x} rw-s", address, address + 5 * page_size());
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.starts_with(&range)).expect("a line of the mapping");
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(usize::from_str_radix(fields[2], 16).unwrap(), 3 * page_size());
    assert_eq!(fields[5], device);
}

fn mapping_outlives_the_file(device: &str) {
    let file = open(device).unwrap();
    let memory = Mapping::shared(&file, 0, 2).unwrap();
    memory.page(1)[0].store(42, Relaxed);
    drop(file);
    assert_eq!(memory.page(1)[0].load(Relaxed), 42);
    memory.page(0)[0].store(43, Relaxed);
    let again = Mapping::shared(open(device).unwrap(), 0, 1).unwrap();
    assert_eq!(again[0].load(Relaxed), 43);
}

fn file_and_mapping_agree(device: &str) {
    let mut file = File::from(open(device).unwrap());
    let memory = Mapping::shared(&file, 0, PAGES).unwrap();
    let size = (PAGES * page_size()) as u64;
    assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), size);
    assert_eq!(file.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(file.write(&[0; 8]).unwrap_err().kind(), ErrorKind::StorageFull);

    file.write_all_at(&0x0123_4567_89ab_cdef_u64.to_ne_bytes(), 16).unwrap();
    assert_eq!(memory[2].load(Relaxed), 0x0123_4567_89ab_cdef);
    memory.page(PAGES - 1)[0].store(99, Relaxed);
    let mut word = [0; 8];
    file.read_exact_at(&mut word, size - page_size() as u64).unwrap();
    assert_eq!(u64::from_ne_bytes(word), 99);
}

fn private_mapping_is_a_copy(device: &str) {
    let file = open(device).unwrap();
    let shared = Mapping::shared(&file, 0, 1).unwrap();
    shared[0].store(1, Relaxed);
    let rw = ProtFlags::READ | ProtFlags::WRITE;
    let private = Mapping::new(&file, 0, 1, rw, MapFlags::PRIVATE).unwrap();
    assert_eq!(private[0].load(Relaxed), 1);
    private[0].store(2, Relaxed);
    assert_eq!(shared[0].load(Relaxed), 1);
    shared[0].store(3, Relaxed);
    assert_eq!(private[0].load(Relaxed), 2);
}

fn errors_are_what_the_readme_says(device: &str) {
    let file = open(device).unwrap();
    let error = |first, pages| Mapping::shared(&file, first, pages).err();
    assert_eq!(error(0, PAGES), None);
    assert_eq!(error(0, PAGES + 1), Some(Errno::INVAL));
    assert_eq!(error(PAGES, 1), Some(Errno::INVAL));
    assert_eq!(error(usize::MAX / page_size(), 1), Some(Errno::INVAL));
    let prot = ProtFlags::READ | ProtFlags::EXEC;
    let executable = Mapping::new(&file, 0, 1, prot, MapFlags::SHARED);
    assert_eq!(executable.err(), Some(Errno::PERM));
}

fn mapping_grows_where_pages_come_on_demand(device: &str) {
    let mut memory = Mapping::shared(open(device).unwrap(), 0, 2).unwrap();
    memory.page(1)[0].store(7, Relaxed);
    let grown = memory.resize(PAGES);
    if device == "/dev/simpler" {
        assert_eq!(grown, Err(Errno::FAULT));
    } else {
        assert_eq!(grown, Ok(()));
        assert_eq!(memory.page(1)[0].load(Relaxed), 7);
        memory.page(PAGES - 1)[0].store(8, Relaxed);
    }
}

fn module_stays_while_mapped(device: &str) {
    let memory = Mapping::shared(open(device).unwrap(), 0, 1).unwrap();
    assert!(!module(&["rmmod", "simple"]), "unloaded under a mapping");
    memory[0].store(1, Relaxed);
    assert_eq!(memory[0].load(Relaxed), 1);
}
