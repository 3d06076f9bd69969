// SPDX-License-Identifier: GPL-2.0

fn main() -> ExitCode {
    println!("TAP version 13\n1..1");
    let registers = map();
    let identification = registers[0].load(Relaxed);
    println!("# identification {identification:#x}");
    if identification != 0x0100_00ed {
        println!("not ok 1 the device identifies itself");
        return ExitCode::FAILURE;
    }
    println!("ok 1 the device identifies itself");
    ExitCode::SUCCESS
}
