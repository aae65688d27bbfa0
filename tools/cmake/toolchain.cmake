# Compiler flags, ccache and the linker: everything that is about the machine rather than about Herald.
add_library(herald_flags INTERFACE)
target_compile_options(herald_flags INTERFACE -Wall -Wextra -Werror -Wnon-virtual-dtor -Wold-style-cast)
target_include_directories(herald_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(herald_flags INTERFACE
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
    BOOST_JSON_NO_LIB SPDLOG_COMPILED_LIB HERALD_VERSION="${PROJECT_VERSION}")

if(HERALD_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(HERALD_SANITIZE STREQUAL "thread")
    # Asio uses atomic_thread_fence, which g++ refuses under -fsanitize=thread with -Werror.
    add_compile_options(-fsanitize=thread -Wno-tsan)
    add_link_options(-fsanitize=thread)
endif()

find_program(CCACHE ccache)
if(CCACHE)
    # A precompiled header hits the cache only with these two.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-fpch-preprocess)
    endif()
endif()

find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_link_options(-fuse-ld=mold)
endif()
