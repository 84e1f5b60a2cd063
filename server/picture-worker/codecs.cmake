# What libheif may be linked with: libde265, which decodes HEVC, and nothing else.
#
# Its build takes every codec library that happens to be installed. Some of them are GPL (x265,
# x264), the others are code that untrusted bytes would reach for no use of ours, and libjpeg's
# symbols would clash with those of the libjpeg-turbo that is linked in. `.cargo/config.toml` hands
# this file to CMake; the test `only_libde265_is_linked` fails where it did not reach libheif.
foreach(package
        AOM DAV1D FFMPEG JPEG kvazaar libsharpyuv OPENJPH OpenH264 OpenJPEG RAV1E SvtEnc UVG266
        vvdec vvenc X264 X265)
    set(CMAKE_DISABLE_FIND_PACKAGE_${package} TRUE)
endforeach()

set(CMAKE_PROJECT_libheif_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/libheif.cmake)
