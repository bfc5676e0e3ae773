/* SPDX-License-Identifier: Apache-2.0
 *
 * passthrough-parser: takes every path, looks at nothing.
 */
#include "dataplane/parsers/parser.h"

const struct rp_parser rp_passthrough_parser = {.usage_format = RP_USAGE_OPENAI};
