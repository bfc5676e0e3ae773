/* SPDX-License-Identifier: Apache-2.0
 *
 * `ringpick plugins`: which plugin types there are, and what their parameters mean.
 */
#ifndef RP_CONTROL_LIST_PLUGINS_H
#define RP_CONTROL_LIST_PLUGINS_H

#include "shm/base.h"

/**
 * Print the catalogue, or one type of it.
 *
 * @param argv  "plugins", options, maybe a type; see `ringpick plugins --help`
 * @return exit code: 0 printed, 1 no such type, or it could not be written, 2 wrong usage
 */
RP_MUST_CHECK int rp_list_plugins_main(int argc, char *argv[]);

#endif /* RP_CONTROL_LIST_PLUGINS_H */
