/* SPDX-License-Identifier: Apache-2.0
 *
 * Configurations with many plugins at once, for conversations that go through a reload or two.
 */
#ifndef RP_TESTS_FUZZ_PLUGIN_CONFIGS_H
#define RP_TESTS_FUZZ_PLUGIN_CONFIGS_H

#include "config/compiled.h"

enum { PLUGIN_CONFIGS = 6 };

/** Compiled once, as control would; the process ends if it is refused. @param i  < PLUGIN_CONFIGS
 */
const struct rp_config_blob *plugin_config(uint32_t i);

#endif /* RP_TESTS_FUZZ_PLUGIN_CONFIGS_H */
