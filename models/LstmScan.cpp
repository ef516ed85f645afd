#include "models/LstmScan.h"

#include <algorithm>

#include "models/KernelChoice.h"
#include "models/LstmCell.h"
#include "models/VectorKernels.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Written as one autograd node with its own backward pass: as separate operations, bookkeeping takes longer than arithmetic.
class WindowLstm : public torch::autograd::Function<WindowLstm> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& projected, const Tensor& recurrent, std::int64_t length, bool bfloat16)
    {
        const std::int64_t stretches = projected.size(0);
        const std::int64_t windows = projected.size(1) - length + 1;
        const std::int64_t hidden = recurrent.size(1);
        const std::int64_t rows = stretches * windows;
        const Tensor weights = (bfloat16 ? recurrent.to(torch::kBFloat16) : recurrent).t();
        const Tensor gates = torch::empty({length, rows, 4 * hidden}, projected.options());
        const Tensor cells = torch::zeros({length + 1, rows, hidden}, projected.options());
        const Tensor cellTanh = torch::empty({length, rows, hidden}, projected.options());
        const Tensor states = torch::zeros({length + 1, rows, hidden}, projected.options());
        for (std::int64_t k = 0; k < length; ++k) {
            Tensor gate = gates[k];
            gate.view({stretches, windows, 4 * hidden}).copy_(projected.narrow(1, k, windows));
            if (k > 0 && bfloat16)
                gate.add_(states[k].to(torch::kBFloat16).mm(weights));
            else if (k > 0)
                gate.addmm_(states[k], weights);
            lstmStep(gate, cells[k], cells[k + 1], cellTanh[k], states[k + 1]);
        }
        ctx->save_for_backward({recurrent, gates, cells, cellTanh, states});
        ctx->saved_data["tokens"] = projected.size(1);
        ctx->saved_data["stretches"] = stretches;
        ctx->saved_data["bfloat16"] = bfloat16;
        return states[length].view({stretches, windows, hidden}).clone();
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &recurrent = saved[0], &gates = saved[1], &cells = saved[2], &cellTanh = saved[3], &states = saved[4];
        const std::int64_t tokens = ctx->saved_data["tokens"].toInt();
        const std::int64_t stretches = ctx->saved_data["stretches"].toInt();
        const bool bfloat16 = ctx->saved_data["bfloat16"].toBool();
        const auto factor = [bfloat16](const Tensor& x) { return bfloat16 ? x.to(torch::kBFloat16) : x; };
        const Tensor weights = factor(recurrent);
        const std::int64_t length = gates.size(0);
        const std::int64_t rows = gates.size(1);
        const std::int64_t hidden = recurrent.size(1);
        const std::int64_t windows = rows / stretches;
        Tensor gradState = gradients[0].reshape({rows, hidden}).contiguous();
        Tensor gradCell = torch::zeros({rows, hidden}, gates.options());
        const Tensor gradGates = torch::empty_like(gates);
        const Tensor gradProjected = torch::zeros({stretches, tokens, 4 * hidden}, gates.options());
        for (std::int64_t k = length - 1; k >= 0; --k) {
            Tensor grad = gradGates[k];
            lstmStepBackward(gates[k], cells[k], cellTanh[k], gradState, gradCell, grad);
            gradProjected.narrow(1, k, windows).add_(grad.view({stretches, windows, 4 * hidden}));
            if (k > 0)
                gradState = factor(grad).mm(weights).to(grad.scalar_type());
        }
        const Tensor gradRecurrent = factor(gradGates.view({length * rows, 4 * hidden}))
                                         .t()
                                         .mm(factor(states.narrow(0, 0, length).reshape({length * rows, hidden})))
                                         .to(gradGates.scalar_type());
        return {gradProjected, gradRecurrent, Tensor(), Tensor()};
    }
};

/// The same in float32 on one CPU core, where a step is so short that libtorch spends most of it on the way to the arithmetic.
class WindowLstmByHand : public torch::autograd::Function<WindowLstmByHand> {
public:
    static Tensor forward(AutogradContext* ctx, const Tensor& projected, const Tensor& recurrent, std::int64_t length)
    {
        const Sizes s(projected, recurrent, length);
        const Tensor turned = torch::empty({s.hidden, s.gate}, projected.options());
        const Tensor gates = torch::empty({length, s.rows, s.gate}, projected.options());
        const auto perStep = [&](std::int64_t steps) { return torch::empty({steps, s.rows, s.hidden}, projected.options()); };
        const Tensor cells = perStep(length + 1), cellTanh = perStep(length), states = perStep(length + 1);
        cells[0].zero_();
        states[0].zero_();
        auto *const w = turned.data_ptr<float>(), *const g = gates.data_ptr<float>(), *const c = cells.data_ptr<float>(), *const ct = cellTanh.data_ptr<float>(),
                   *const h = states.data_ptr<float>();
        kernels::transpose(w, s.gate, recurrent.data_ptr<float>(), s.hidden, s.gate, s.hidden);
        const std::int64_t step = s.rows * s.hidden;
        for (std::int64_t k = 0; k < length; ++k) {
            float* const gate = g + k * s.rows * s.gate;
            for (std::int64_t stretch = 0; stretch < s.stretches; ++stretch)
                std::copy_n(projected.data_ptr<float>() + s.projectedAt(stretch, k), s.windows * s.gate, gate + stretch * s.windows * s.gate);
            if (k > 0)
                kernels::multiply(gate, s.gate, h + k * step, s.hidden, 1, w, s.gate, s.rows, s.gate, s.hidden, true);
            kernels::lstmCell(gate, c + k * step, c + (k + 1) * step, ct + k * step, h + (k + 1) * step, s.rows, s.hidden);
        }
        ctx->save_for_backward({projected, recurrent, gates, cells, cellTanh, states});
        return states[length].view({s.stretches, s.windows, s.hidden}).clone();
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &projected = saved[0], &recurrent = saved[1], &gates = saved[2], &cells = saved[3], &cellTanh = saved[4], &states = saved[5];
        const std::int64_t length = gates.size(0);
        const Sizes s(projected, recurrent, length);
        const Tensor gradState = gradients[0].reshape({s.rows, s.hidden}).clone(at::MemoryFormat::Contiguous);
        const Tensor gradCell = torch::zeros({s.rows, s.hidden}, gates.options());
        const Tensor gradGates = torch::empty_like(gates), gradProjected = torch::zeros_like(projected), gradRecurrent = torch::empty_like(recurrent);
        const auto *const g = gates.data_ptr<float>(), *const c = cells.data_ptr<float>(), *const ct = cellTanh.data_ptr<float>(),
                   *const w = recurrent.data_ptr<float>();
        auto *const gh = gradState.data_ptr<float>(), *const gc = gradCell.data_ptr<float>(), *const gg = gradGates.data_ptr<float>(),
                   *const gp = gradProjected.data_ptr<float>();
        const std::int64_t step = s.rows * s.hidden;
        for (std::int64_t k = length - 1; k >= 0; --k) {
            float* const gate = gg + k * s.rows * s.gate;
            kernels::throughLstmCell(g + k * s.rows * s.gate, c + k * step, ct + k * step, gh, gc, gate, s.rows, s.hidden);
            for (std::int64_t stretch = 0; stretch < s.stretches; ++stretch) // windows lie side by side: all of theirs are one row
                kernels::addRows(gp + s.projectedAt(stretch, k), gate + stretch * s.windows * s.gate, 0, 1, s.windows * s.gate);
            if (k > 0)
                kernels::multiply(gh, s.hidden, gate, s.gate, 1, w, s.hidden, s.rows, s.hidden, s.gate, false);
        }
        kernels::multiply(gradRecurrent.data_ptr<float>(), s.hidden, gg, 1, s.gate, states.data_ptr<float>(), s.hidden, s.gate, s.hidden, length * s.rows, false);
        return {gradProjected, gradRecurrent, Tensor()};
    }

private:
    struct Sizes {
        std::int64_t stretches, tokens, windows, rows, hidden, gate;

        Sizes(const Tensor& projected, const Tensor& recurrent, std::int64_t length)
            : stretches(projected.size(0)), tokens(projected.size(1)), windows(tokens - length + 1), rows(stretches * windows), hidden(recurrent.size(1)),
              gate(4 * hidden)
        {
        }
        /// Of the tokens that the windows of a stretch read in step k.
        std::int64_t projectedAt(std::int64_t stretch, std::int64_t k) const { return (stretch * tokens + k) * gate; }
    };
};

} // namespace

Tensor lstmOverWindows(const Tensor& projected, const Tensor& recurrent, std::int64_t length, bool bfloat16)
{
    if (!bfloat16 && takesKernels(projected, recurrent))
        return WindowLstmByHand::apply(projected, recurrent, length);
    return WindowLstm::apply(projected, recurrent, length, bfloat16);
}

LstmReader::LstmReader(const Tensor& recurrent)
    : m_turned(recurrent.detach().t().contiguous()), m_gates(torch::empty({m_turned.size(1)})), m_hidden(torch::zeros({m_turned.size(0)})),
      m_cell(torch::zeros_like(m_hidden)), m_cellTanh(torch::empty_like(m_hidden))
{
}

void LstmReader::restart()
{
    m_hidden.zero_();
    m_cell.zero_();
    m_tokens = 0;
}

void LstmReader::read(const float* projected)
{
    const std::int64_t hidden = m_turned.size(0), gate = m_turned.size(1);
    auto *const gates = m_gates.data_ptr<float>(), *const h = m_hidden.data_ptr<float>(), *const c = m_cell.data_ptr<float>();
    std::copy_n(projected, gate, gates);
    kernels::multiply(gates, gate, h, hidden, 1, m_turned.data_ptr<float>(), gate, 1, gate, hidden, true);
    kernels::lstmCell(gates, c, c, m_cellTanh.data_ptr<float>(), h, 1, hidden);
    ++m_tokens;
}

} // namespace btcai
