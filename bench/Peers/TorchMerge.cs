using System.Runtime.InteropServices;
using HeadTap.Models;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// Merges as a PyTorch user writes them: tensor by tensor, in place where that is possible, thresholds by
/// kthvalue. The files are read and written by the same code as on our side.
/// </summary>
static class TorchMerge
{
    /// <summary>The share of each task vector that is kept, on both sides.</summary>
    internal const double Density = 0.2;

    /// <summary>Writes a merge with equal weights.</summary>
    /// <param name="method">linear, ties or dare_linear.</param>
    /// <param name="folders">The models; the base last, where the method has one.</param>
    /// <param name="to">The file of weights.</param>
    internal static void Write(string method, string[] folders, string to)
    {
        SafetensorsReader[] files =
            [.. folders.Select(f => SafetensorsReader.Open(Path.Combine(f, "model.safetensors")))];
        try
        {
            var writer = new SafetensorsWriter();
            torch.Tensor? merged = null;
            foreach (SafetensorsEntry entry in files[0].Entries)
                writer.Add(entry.Name, [.. entry.Shape.Select(e => (int)e)], (start, piece) =>
                {
                    if (start == 0)
                    {
                        merged?.Dispose();
                        merged = Merged(method, [.. files.Select(f => Read(f, entry))]);
                    }
                    MemoryMarshal.Cast<byte, float>(merged!.bytes).Slice((int)start, piece.Length)
                        .CopyTo(piece);
                });
            writer.Save(to);
            merged?.Dispose();
        }
        finally
        {
            foreach (SafetensorsReader file in files)
                file.Dispose();
        }
    }

    static torch.Tensor Read(SafetensorsReader file, SafetensorsEntry entry)
    {
        torch.Tensor tensor = torch.empty(entry.Length);
        file.Read(entry.Name, MemoryMarshal.Cast<byte, float>(tensor.bytes));
        return tensor;
    }

    // Owns what it is given.
    static torch.Tensor Merged(string method, torch.Tensor[] read)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        torch.Tensor result = method switch
        {
            "linear" => Linear(read),
            "ties" => Ties(read[..^1], read[^1]),
            _ => Dare(read[..^1], read[^1]),
        };
        result = result.MoveToOuterDisposeScope();
        foreach (torch.Tensor tensor in read)
            tensor.Dispose();
        return result;
    }

    static torch.Tensor Linear(torch.Tensor[] models)
    {
        torch.Tensor sum = models[0].mul(1.0 / models.Length);
        foreach (torch.Tensor model in models[1..])
            sum.add_(model, alpha: 1.0 / models.Length);
        return sum;
    }

    static torch.Tensor Ties(torch.Tensor[] models, torch.Tensor start)
    {
        foreach (torch.Tensor model in models)
        {
            model.sub_(start);
            long dropped = model.numel() - (long)(Density * model.numel());
            torch.Tensor sizes = model.abs();
            if (dropped > 0)
                model.mul_(sizes.gt(sizes.kthvalue(dropped, 0).values));
        }
        torch.Tensor stacked = torch.stack(models);
        torch.Tensor elected = stacked.sum(dim: 0).sign();
        torch.Tensor agrees = stacked.sign().eq(elected).logical_and(stacked.ne(0));
        return stacked.mul_(agrees).sum(dim: 0)
            .div_(agrees.sum(dim: 0, type: torch.ScalarType.Float32).clamp_(min: 1)).add_(start);
    }

    static torch.Tensor Dare(torch.Tensor[] models, torch.Tensor start)
    {
        torch.Tensor sum = start.clone();
        foreach (torch.Tensor model in models)
            sum.add_(model.sub_(start).mul_(torch.empty_like(model).bernoulli_(Density)),
                alpha: 1.0 / Density);
        return sum;
    }
}
