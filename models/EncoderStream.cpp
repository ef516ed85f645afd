#include "models/EncoderStream.h"

#include <algorithm>
#include <cassert>

namespace btcai {

namespace {

using torch::Tensor;

/// The last `length` entries of `kept`, which may be undefined, followed by `fresh`, along the second dimension.
Tensor slide(const Tensor& kept, const Tensor& fresh, std::int64_t length)
{
    const Tensor all = kept.defined() ? torch::cat({kept, fresh}, 1) : fresh;
    return all.narrow(1, all.size(1) - length, length);
}

} // namespace

EncoderStream::EncoderStream(MarketEncoder encoder)
    : m_encoder(std::move(encoder)), m_kept(m_encoder->contextRows() + m_encoder->options().patch),
      m_reach(m_encoder->m_convolutions.size())
{
    if (m_encoder->options().useLstm && !m_encoder->options().bfloat16)
        m_ahead.emplace(m_encoder->m_lstmRecurrent);
}

void EncoderStream::push(std::span<const float> features)
{
    const std::size_t width = features.size();
    assert(static_cast<std::int64_t>(width) == m_encoder->options().features);
    const std::size_t kept = static_cast<std::size_t>(m_kept) * width;
    if (m_rows.size() == 2 * kept)
        m_rows.erase(m_rows.begin(), m_rows.end() - static_cast<std::ptrdiff_t>(kept));
    m_rows.insert(m_rows.end(), features.begin(), features.end());
    ++m_count;
}

/// A view of rows that are still at hand: [1, count, F].
Tensor EncoderStream::rows(std::int64_t first, std::int64_t count)
{
    const std::int64_t width = m_encoder->options().features;
    const std::int64_t oldest = m_count - static_cast<std::int64_t>(m_rows.size()) / width;
    assert(first >= oldest);
    return torch::from_blob(m_rows.data() + (first - oldest) * width, {1, count, width});
}

MarketEncoding EncoderStream::newest()
{
    assert(isReady());
    torch::InferenceMode guard;
    if (m_encoded == m_count)
        return m_newest;
    const MarketEncoderOptions& options = m_encoder->options();
    std::vector<Tensor> branches;
    if (options.useCnn)
        branches.push_back(convolve());
    if (options.useLstm || options.useTransformer)
        completeTokens();
    if (options.useLstm)
        branches.push_back(m_lstm);
    if (options.useTransformer)
        branches.push_back(m_attended);
    m_newest = m_encoder->fuse(branches);
    m_encoded = m_count;
    return m_newest;
}

/// The newest row of the last layer. Each layer takes what is new after the inputs kept of earlier rows.
Tensor EncoderStream::convolve()
{
    std::int64_t reach = 0;
    for (std::size_t i = 0; i < m_reach.size(); ++i)
        reach += MarketEncoderImpl::convolutionReach(i);
    std::int64_t fresh = m_count - m_encoded;
    if (m_encoded == 0 || fresh > reach) { // nothing that is kept is read any more
        fresh = reach + 1;
        std::ranges::fill(m_reach, Tensor());
    }
    Tensor x = m_encoder->select(rows(m_count - fresh, fresh));
    for (std::size_t i = 0; i < m_reach.size(); ++i) {
        const Tensor input = m_reach[i].defined() ? torch::cat({m_reach[i], x}, 1) : x;
        const std::int64_t kept = MarketEncoderImpl::convolutionReach(i);
        m_reach[i] = input.narrow(1, input.size(1) - kept, kept).clone();
        x = m_encoder->convolutionLayer(i, input);
    }
    return x.narrow(1, x.size(1) - 1, 1);
}

void EncoderStream::completeTokens()
{
    const MarketEncoderOptions& options = m_encoder->options();
    const std::int64_t completed = m_count / options.patch;
    const std::int64_t fresh = std::min(completed - m_tokenCount, options.tokens);
    if (fresh == 0) {
        if (m_ahead) // all but the last token by the time that one comes
            readWindow(m_projected.data_ptr<float>() + m_projected.size(2), (options.tokens - 1) * (m_count % options.patch + 1) / options.patch);
        return;
    }
    const Tensor tokens = m_encoder->embedTokens(m_encoder->select(rows((completed - fresh) * options.patch, fresh * options.patch)));
    if (options.useLstm) {
        m_projected = slide(m_projected, m_encoder->linear(tokens, m_encoder->m_lstmInput), options.tokens);
        if (m_ahead) {
            if (fresh > 1) // what was read ahead is of a window that nobody asked for
                m_ahead->restart();
            readWindow(m_projected.data_ptr<float>(), options.tokens);
            m_lstm = m_ahead->hidden().view({1, 1, options.width});
            m_ahead->restart();
        } else {
            m_lstm = lstmOverWindows(m_projected, m_encoder->m_lstmRecurrent, options.tokens, options.bfloat16);
        }
    }
    if (options.useTransformer) {
        m_tokens = slide(m_tokens, tokens, options.tokens);
        m_attended = m_encoder->attend(m_tokens);
    }
    m_tokenCount = completed;
}

/// On to so many tokens of the window that begins at `first`.
void EncoderStream::readWindow(const float* first, std::int64_t tokens)
{
    while (m_ahead->tokens() < tokens)
        m_ahead->read(first + m_ahead->tokens() * m_projected.size(2));
}

} // namespace btcai
