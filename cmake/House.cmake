# One place for the flags every target gets, and one function to declare a module.
add_library(house_flags INTERFACE)
target_compile_features(house_flags INTERFACE c_std_17)
target_compile_definitions(house_flags INTERFACE _GNU_SOURCE)
target_include_directories(house_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(house_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual
    -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wvla -Wformat=2 -Wundef -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference
    -Wdouble-promotion -Wpointer-arith
    $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wtrampolines>
    $<$<C_COMPILER_ID:Clang,AppleClang>:-Wcomma -Wthread-safety -Wunreachable-code>
    -fno-common -fstack-protector-strong
    $<$<PLATFORM_ID:Linux>:-fstack-clash-protection>
    $<$<AND:$<PLATFORM_ID:Linux>,$<CONFIG:RelWithDebInfo,Release>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>
    $<$<AND:$<C_COMPILER_ID:GNU>,$<CONFIG:RelWithDebInfo,Release>>:-ftrivial-auto-var-init=zero>)
target_link_options(house_flags INTERFACE
    $<$<PLATFORM_ID:Linux>:-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed>)
set(HOUSE_SANITIZE "" CACHE STRING "comma separated sanitizers")
if(HOUSE_SANITIZE)
  target_compile_options(house_flags INTERFACE -fsanitize=${HOUSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(house_flags INTERFACE -fsanitize=${HOUSE_SANITIZE})
endif()
option(HOUSE_FUZZ "build the libFuzzer targets" OFF)
if(HOUSE_FUZZ)
  target_compile_options(house_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

# house_module(name SOURCES ... HEADERS ... USES ...)
# A folder is a library; USES is the whole list of what it may include.
function(house_module name)
  cmake_parse_arguments(M "" "" "SOURCES;HEADERS;USES;PRIVATE_USES" ${ARGN})
  add_library(${name} STATIC)
  target_sources(${name} PRIVATE ${M_SOURCES}
                 PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${M_HEADERS})
  target_link_libraries(${name} PUBLIC ${M_USES} PRIVATE ${M_PRIVATE_USES} house_flags)
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()
