// SPDX-License-Identifier: GPL-2.0
/* Operations that make processes and end them. */

#include "torture.h"

/* The work of a child, which has inherited the arena, and writes words of its own. */
noreturn static void child(struct thread *t)
{
	t->slot = (WORKERS + t->worker) * THREADS + t->nr;
	t->child = 0;
	/* The inherited descriptor is of the parent's maps. */
	t->maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (t->maps < 0)
		fail_at(t, OP_FORK, -1, "/proc/self/maps: %m");
	for (int i = 0; i < ARENA; i++) {
		if (t->page[i].dontfork)
			t->page[i] = (struct page){ .lost = true };
		t->page[i].locked = UNLOCKED;
	}

	for (int left = below(t, 12); left; left--) {
		int n, i = pick(t, &n);

		if (i < 0)
			break;
		switch (below(t, 8)) {
		case 0:
			remove_range(t, i, n);
			break;
		case 1:
			op_mprotect(t);
			break;
		case 2:
			op_move(t);
			break;
		case 3:
			if (mlockall(MCL_CURRENT))
				fail_if_known(t, OP_MLOCKALL, -1, "%m");
			for (int j = 0; j < ARENA; j++)
				if (t->page[j].mapped && t->page[j].device == SIMPLEN)
					take_copies(t, OP_MLOCKALL, j, 1);
			if (munlockall())
				fail_at(t, OP_MLOCKALL, -1, "munlockall: %m");
			count(OP_MLOCKALL, true);
			break;
		default:
			for (; n--; i++) {
				store(t, OP_FORK, i);
				look(t, OP_FORK, i);
			}
		}
	}
	if (one_in(t, 2))
		pause();
	_exit(0);
}

void op_fork(struct thread *t)
{
	if (t->child)
		return;
	t->child = fork();
	if (!t->child)
		child(t);
	if (t->child < 0)
		fail_at(t, OP_FORK, -1, "%m");
	count(OP_FORK, true);
}

static void reap(struct thread *t, int status)
{
	if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		fail_at(t, OP_REAP, -1, "the child ended with status %#x", status);
	t->child = 0;
	count(OP_REAP, !status);
}

/* Ends the child, if there is one. */
void end_child(struct thread *t)
{
	int status;

	if (!t->child)
		return;
	kill(t->child, SIGKILL);
	if (waitpid(t->child, &status, 0) != t->child)
		fail_at(t, OP_REAP, -1, "%m");
	reap(t, status);
}

/* Kills the child, or gives it more time. */
void op_reap(struct thread *t)
{
	int status;

	if (one_in(t, 2))
		end_child(t);
	else if (t->child && waitpid(t->child, &status, WNOHANG) == t->child)
		reap(t, status);
}

/* A child that runs another program, by which all of its mappings end. */
void op_exec(struct thread *t)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail_at(t, OP_EXEC, -1, "the child did not end with 0");
	count(OP_EXEC, true);
}
