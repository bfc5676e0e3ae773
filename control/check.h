/* SPDX-License-Identifier: Apache-2.0
 *
 * `ringpick check FILE`: is this configuration good?
 */
#ifndef RP_CONTROL_CHECK_H
#define RP_CONTROL_CHECK_H

#include "shm/base.h"

/**
 * Print "ok", or "file:line:column: message" on standard error.
 *
 * @param argv  "check", perhaps --allow-experimental-plugins, and the file
 * @return exit code: 0 good, 1 not, 2 wrong usage
 */
RP_MUST_CHECK int rp_check_main(int argc, char *argv[]);

#endif /* RP_CONTROL_CHECK_H */
