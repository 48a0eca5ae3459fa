#pragma once

#include <string_view>

#include "config/schema.hpp"

namespace farkeep {

// The section that every program's file has; include.hpp says what it does.
inline constexpr std::string_view kIncludeKind = "include";
inline constexpr KeySpec kInclude[] = {
    {.key = "file",
     .type = SettingType::include,
     .example = "jobs.d/*.ini",
     .help = "A file that is read before this one, which has the last word; a relative name begins at this file's folder, and a name with * in its last "
             "part may match nothing.",
     .repeatable = true},
};
inline constexpr SectionSpec kIncludeSection{
    "include", "",
    "Further files. Those of the folder that is named like this file with .d behind it, and end in .ini, are read in any case, after this one.", kInclude};

}  // namespace farkeep
