#include "models/LstmScan.h"

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
            gate.narrow(1, 0, 3 * hidden).sigmoid_();
            Tensor candidate = gate.narrow(1, 3 * hidden, hidden).tanh_();
            Tensor cell = cells[k + 1];
            torch::mul_out(cell, gate.narrow(1, hidden, hidden), cells[k]);
            cell.addcmul_(gate.narrow(1, 0, hidden), candidate);
            Tensor squashed = cellTanh[k];
            torch::tanh_out(squashed, cell);
            Tensor state = states[k + 1];
            torch::mul_out(state, gate.narrow(1, 2 * hidden, hidden), squashed);
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
            const Tensor gate = gates[k];
            const Tensor input = gate.narrow(1, 0, hidden);
            const Tensor forget = gate.narrow(1, hidden, hidden);
            const Tensor output = gate.narrow(1, 2 * hidden, hidden);
            const Tensor candidate = gate.narrow(1, 3 * hidden, hidden);
            gradCell.add_(torch::tanh_backward(gradState * output, cellTanh[k]));
            Tensor grad = gradGates[k];
            Tensor gradInput = grad.narrow(1, 0, hidden);
            Tensor gradForget = grad.narrow(1, hidden, hidden);
            Tensor gradOutput = grad.narrow(1, 2 * hidden, hidden);
            Tensor gradCandidate = grad.narrow(1, 3 * hidden, hidden);
            torch::sigmoid_backward_out(gradInput, gradCell * candidate, input);
            torch::sigmoid_backward_out(gradForget, gradCell * cells[k], forget);
            torch::sigmoid_backward_out(gradOutput, gradState * cellTanh[k], output);
            torch::tanh_backward_out(gradCandidate, gradCell * input, candidate);
            gradProjected.narrow(1, k, windows).add_(grad.view({stretches, windows, 4 * hidden}));
            if (k > 0) {
                gradState = factor(grad).mm(weights).to(grad.scalar_type());
                gradCell.mul_(forget);
            }
        }
        const Tensor gradRecurrent = factor(gradGates.view({length * rows, 4 * hidden}))
                                         .t()
                                         .mm(factor(states.narrow(0, 0, length).reshape({length * rows, hidden})))
                                         .to(gradGates.scalar_type());
        return {gradProjected, gradRecurrent, Tensor(), Tensor()};
    }
};

} // namespace

torch::Tensor lstmOverWindows(const torch::Tensor& projected, const torch::Tensor& recurrent, std::int64_t length, bool bfloat16)
{
    return WindowLstm::apply(projected, recurrent, length, bfloat16);
}

} // namespace btcai
