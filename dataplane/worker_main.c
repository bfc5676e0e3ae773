/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-worker INDEX: started by the supervisor with the descriptors of shm/process.h.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "dataplane/worker.h"
#include "shm/bytes.h"
#include "shm/limits.h"

static void ignore_signal(int number)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	(void)sigaction(number, &action, NULL);
}

static void prepare_process(void)
{
	struct rlimit files;

	/* The phase in the segment says when to stop; a terminal's Ctrl-C reaches all of the group.
	 */
	ignore_signal(SIGINT);
	ignore_signal(SIGTERM);
	ignore_signal(SIGPIPE);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	uint64_t index = 0;

	if (argc != 2 ||
	    rp_bytes_to_u64(rp_bytes_str(argv[1]), RP_WORKERS_MAX - 1, &index) != RP_OK) {
		fputs("ringpick-worker is started by ringpick\n", stderr);
		return 2;
	}
	prepare_process();
	return rp_worker_run((uint32_t)index) == RP_OK ? 0 : 1;
}
