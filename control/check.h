/* SPDX-License-Identifier: Apache-2.0
 *
 * `ringpick check`: is this configuration good, and what does it come to?
 */
#ifndef RP_CONTROL_CHECK_H
#define RP_CONTROL_CHECK_H

#include "shm/base.h"

/**
 * Print the effective configuration as YAML, and warnings on standard error; or
 * "file:line:column: message" on standard error.
 *
 * @param argv  "check", options, and a file, "-" or --config-text; see `ringpick check --help`
 * @return exit code: 0 good, 1 not, 2 wrong usage
 */
RP_MUST_CHECK int rp_check_main(int argc, char *argv[]);

#endif /* RP_CONTROL_CHECK_H */
