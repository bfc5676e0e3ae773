/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor: makes segments and sockets, starts control and the workers, watches them, starts
 * them again when they die, and leads the whole through its phases (shm/process.h) to its end. It
 * reads no byte from the network and no file.
 */
#ifndef RP_CONTROL_SUPERVISOR_H
#define RP_CONTROL_SUPERVISOR_H

#include "config/flags.h"
#include "shm/settings.h"

/**
 * Be the supervisor until SIGTERM or SIGINT, or until what the user gave turns out not to work.
 *
 * @param settings    ports of 0 are replaced by the kernel's choice
 * @param argc, argv  handed on to control
 * @return exit code of the process: 0 after an orderly end, 1 otherwise
 */
RP_MUST_CHECK int rp_supervisor_run(const struct rp_flags *flags, struct rp_settings *settings,
				    int argc, char *const argv[]);

#endif /* RP_CONTROL_SUPERVISOR_H */
