// SPDX-License-Identifier: GPL-2.0

fn main() -> ExitCode {
    println!("TAP version 13\n1..1");
    let words = map();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| _ = words[7].fetch_add(1, Relaxed)));
        }
    });
    if words[7].load(Relaxed) != 4000 {
        println!("# {} of 4000", words[7].load(Relaxed));
        println!("not ok 1 threads increment one counter in the page");
        return ExitCode::FAILURE;
    }
    println!("ok 1 threads increment one counter in the page");
    ExitCode::SUCCESS
}
