# Flags and the one function by which every module, program and test is declared.

add_library(farkeep_flags INTERFACE)
target_compile_options(farkeep_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
# g++ 12 takes Asio's operator delete of coroutine frames for a mismatch with its own operator new, which it has inlined.
target_compile_options(farkeep_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
target_compile_definitions(farkeep_flags INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS)
if(FARKEEP_SANITIZE)
  target_compile_options(farkeep_flags INTERFACE -fsanitize=${FARKEEP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(farkeep_flags INTERFACE -fsanitize=${FARKEEP_SANITIZE})
  # Recycled coroutine frames would hide a use after free.
  target_compile_definitions(farkeep_flags INTERFACE BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
  if(FARKEEP_SANITIZE MATCHES thread)
    target_compile_options(farkeep_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  # Debian's hardening set: fortified calls, stack protector and clash protection, CET, full RELRO; PIE comes from CMake.
  target_compile_options(farkeep_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(farkeep_flags INTERFACE -fcf-protection=full)
  endif()
  target_link_options(farkeep_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# Several sources as one: headers are read once for all of them, which takes two fifths off the time of a whole build.
# g++ takes their anonymous types for some of a header then, and warns of each type that holds one; the frames of coroutines do.
# A source still includes what it uses itself: a build of dev by hand compiles each by itself.
# Not with g++ 14.2 (Debian 13), which crashes at a coroutine template that returns such a type; 13 was not tried.
if(FARKEEP_UNITY AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13))
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
  target_compile_options(farkeep_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()

# farkeep_linked_in(NAME package): ${NAME}_LIBRARIES_LINKED_IN, the static libraries of a pkg-config package.
function(farkeep_linked_in name package)
  pkg_check_modules(${name} REQUIRED QUIET ${package})
  set(out)
  foreach(l ${${name}_STATIC_LIBRARIES})
    find_library(${name}_${l} NAMES lib${l}.a PATHS ${${name}_STATIC_LIBRARY_DIRS})
    if(${name}_${l})
      list(APPEND out ${${name}_${l}})
    endif()
    mark_as_advanced(${name}_${l})
  endforeach()
  set(${name}_LIBRARIES_LINKED_IN ${out} PARENT_SCOPE)
endfunction()

# farkeep_module(name SOURCES … [PROTOS …] [LINKS …]): one library per folder of lib/, target farkeep::name.
# LINKS names farkeep modules to the left, or imported targets of packaged libraries.
function(farkeep_module name)
  cmake_parse_arguments(M "" "" "SOURCES;PROTOS;LINKS" ${ARGN})
  add_library(farkeep_${name} STATIC ${M_SOURCES})
  add_library(farkeep::${name} ALIAS farkeep_${name})
  target_include_directories(farkeep_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  target_link_libraries(farkeep_${name} PUBLIC ${M_LINKS} PRIVATE farkeep_flags)
  target_compile_definitions(farkeep_${name} PUBLIC
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS)
  if(M_PROTOS)
    # Generated code lives in the build tree under gen/<module>/ and is included as "<module>/<file>.pb.h".
    # It is compiled without our warnings: it is not ours.
    set(gen ${PROJECT_BINARY_DIR}/gen)
    file(MAKE_DIRECTORY ${gen}/${name})
    set(out)
    foreach(p ${M_PROTOS})
      get_filename_component(b ${p} NAME_WE)
      add_custom_command(OUTPUT ${gen}/${name}/${b}.pb.cc ${gen}/${name}/${b}.pb.h
        COMMAND protobuf::protoc --cpp_out=${gen} -I ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR}/lib/${name}/${p}
        DEPENDS ${PROJECT_SOURCE_DIR}/lib/${name}/${p} VERBATIM)
      list(APPEND out ${gen}/${name}/${b}.pb.cc)
    endforeach()
    add_library(farkeep_${name}_proto STATIC ${out})
    target_include_directories(farkeep_${name}_proto SYSTEM PUBLIC ${gen})
    target_link_libraries(farkeep_${name}_proto PUBLIC protobuf::libprotobuf-lite)
    if(FARKEEP_SANITIZE)
      target_compile_options(farkeep_${name}_proto PRIVATE -fsanitize=${FARKEEP_SANITIZE} -fno-omit-frame-pointer)
    endif()
    target_link_libraries(farkeep_${name} PUBLIC farkeep_${name}_proto)
  endif()
endfunction()

# farkeep_test(name SOURCES … LINKS … [ONLY pattern …]): a Catch2 program of tests, registered with ctest under its name; with ONLY the cases that fit all of these.
function(farkeep_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LINKS;ONLY" ${ARGN})
  add_executable(test_${name} ${T_SOURCES} $<TARGET_OBJECTS:farkeep_catch_main>)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(test_${name} PRIVATE ${T_LINKS} farkeep_catch farkeep_flags farkeep_test_flags)
  add_test(NAME ${name} COMMAND test_${name} --order lex ${T_ONLY})
  set_tests_properties(${name} PROPERTIES TIMEOUT 1500)
endfunction()

# farkeep_bench(name SOURCES … LINKS …): a program that prints figures; never run by ctest.
function(farkeep_bench name)
  if(FARKEEP_BENCH)
    cmake_parse_arguments(B "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(bench_${name} ${B_SOURCES})
    target_link_libraries(bench_${name} PRIVATE ${B_LINKS} farkeep_flags)
  endif()
endfunction()

# farkeep_fuzz(name SOURCES … LINKS …): a libFuzzer target; without clang its corpus is replayed by the unit tests.
function(farkeep_fuzz name)
  if(FARKEEP_FUZZ)
    cmake_parse_arguments(F "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(fuzz_${name} ${F_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE ${F_LINKS} farkeep_flags)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
