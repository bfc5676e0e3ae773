# SPDX-License-Identifier: Apache-2.0
# Compiler and linker flags of every target, as one interface library.
add_library(rp_flags INTERFACE)

execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
  OUTPUT_VARIABLE RP_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT RP_COMMIT)
  set(RP_COMMIT unknown)
endif()
target_compile_definitions(rp_flags INTERFACE _GNU_SOURCE RP_VERSION="${PROJECT_VERSION}")
target_compile_options(rp_flags INTERFACE
  # Scores must have the same bits as the reference's: no fused multiply-add.
  -ffp-contract=off
  -fno-strict-aliasing
  # Assertions and log lines name files from the tree's root.
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Walloca
  -Wformat=2 -Wswitch-enum -Wnull-dereference -Wwrite-strings)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(rp_flags INTERFACE
    -Wcast-align=strict -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches
    -Wlogical-op -Wstack-usage=8192)
else()
  # Clang compiles the fuzz targets only: it warns, but GCC's warnings are the ones that count.
  target_compile_options(rp_flags INTERFACE -Wno-unknown-warning-option)
endif()
if(RP_WERROR AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(rp_flags INTERFACE -Werror)
endif()
if(RP_FUZZ)
  target_compile_options(rp_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(RP_SANITIZE)
  target_compile_options(rp_flags INTERFACE
    -fsanitize=${RP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    # Sanitizers grow frames and confuse the flow analysis behind this warning.
    -Wno-stack-usage -Wno-null-dereference)
  if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    # It would report NULL + 0, the beginning and end of an empty view.
    target_compile_options(rp_flags INTERFACE -fno-sanitize=pointer-overflow)
  endif()
  target_link_options(rp_flags INTERFACE -fsanitize=${RP_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  include(CheckIPOSupported)
  check_ipo_supported(RESULT RP_IPO LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${RP_IPO})
  target_compile_options(rp_flags INTERFACE
    -fno-plt -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    target_compile_options(rp_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(rp_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()

if(RP_COVERAGE)
  target_compile_options(rp_flags INTERFACE --coverage)
  target_link_options(rp_flags INTERFACE --coverage)
endif()
