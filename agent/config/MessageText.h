#pragma once

#include <string>
#include <string_view>

namespace btcai {

/// A text from outside, fit for a message: cut short, control characters replaced, so that it neither floods nor drives a
/// terminal.
inline std::string messageText(std::string_view text)
{
    constexpr std::size_t kLimit = 80;
    std::size_t length = text.size();
    if (length > kLimit) { // not in the middle of a UTF-8 character
        length = kLimit;
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
            --length;
    }
    std::string shown(text.substr(0, length));
    for (char& c : shown)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return length < text.size() ? shown + "..." : shown;
}

} // namespace btcai
