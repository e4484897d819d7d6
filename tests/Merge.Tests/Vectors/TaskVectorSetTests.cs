using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public class TaskVectorSetTests
{
    static readonly ParameterLayout s_layout = new(ModelConfig.Tiny);

    string _folder = "";
    float[] _base = [];
    float[][] _models = [];

    [OneTimeSetUp]
    public void Write()
    {
        _folder = Directory.CreateTempSubdirectory("headtap-vectors-").FullName;
        int n = (int)s_layout.TotalLength;
        _base = Tensors.Normal(100, n);
        // The second leaves a third of the numbers as they are, the third changes one tensor alone.
        _models =
        [
            [.. _base.Zip(Tensors.Normal(1, n, 0.1f), (b, t) => b + t)],
            [.. _base.Zip(Tensors.Normal(2, n, 0.1f), (b, t) => b + t)
                .Select((w, i) => i % 3 == 0 ? _base[i] : w)],
            [.. _base],
        ];
        ParameterSlice one = s_layout["h.1.mlp.c_fc.weight"];
        for (int i = 0; i < one.Length; i++)
            _models[2][one.Offset + i] += 0.01f * (i % 5 - 2);
        ModelFolder.Write(At("base"), ModelConfig.Tiny, _base);
        for (int m = 0; m < _models.Length; m++)
            ModelFolder.Write(At($"{m}"), ModelConfig.Tiny, _models[m]);
    }

    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    string At(string name) => Path.Combine(_folder, name);

    TaskVectorSet Open() => new(At("base"), [At("0"), At("1"), At("2")]);

    static void AssertGeometry(VectorGeometry found, double[][] t)
    {
        double rounding = t[0].Length * Math.Pow(2, -52); // n terms added in two orders
        for (int a = 0; a < t.Length; a++)
        {
            Assert.That(found.Norm(a),
                Is.EqualTo(TaskVectorReference.Norm(t[a])).Within(100 * rounding).Percent);
            for (int b = 0; b < t.Length; b++)
                if (t[a].All(x => x == 0) || t[b].All(x => x == 0))
                {
                    Assert.That(found.Cosine(a, b), Is.Null);
                    Assert.That(found.PairConflictShare(a, b), Is.Null);
                }
                else
                {
                    Assert.That(found.Cosine(a, b),
                        Is.EqualTo(TaskVectorReference.Cosine(t[a], t[b])).Within(rounding));
                    Assert.That(found.PairConflictShare(a, b),
                        Is.EqualTo(TaskVectorReference.ConflictShare(t[a], t[b])));
                }
        }
        Assert.That(found.ConflictShare, Is.EqualTo(TaskVectorReference.ConflictShare(t)));
    }

    [Test]
    public void Norms_cosines_and_conflicts_are_those_of_the_whole_vectors()
    {
        using TaskVectorSet set = Open();
        double[][] t = [.. _models.Select(m => TaskVectorReference.Of(m, _base))];
        IReadOnlyList<TensorGeometry> tensors = set.Measure();
        Assert.That(tensors.Select(r => r.Name), Is.EqualTo(s_layout.Slices.Select(s => s.Name)));
        foreach ((TensorGeometry tensor, ParameterSlice slice) in tensors.Zip(s_layout.Slices))
            AssertGeometry(tensor.Geometry,
                [.. t.Select(v => v.AsSpan((int)slice.Offset, (int)slice.Length).ToArray())]);
        VectorGeometry all = set.InAll(tensors);
        AssertGeometry(all, t);
        Assert.That(all.Numbers, Is.EqualTo(s_layout.TotalLength));
        Assert.That(all.ConflictShare, Is.InRange(0.3, 0.7)); // random signs
    }

    [Test]
    public void A_vector_against_itself_has_cosine_1_and_no_conflict_and_against_its_negation_the_opposite()
    {
        float[] away = [.. _base.Zip(_models[0], (b, m) => b - (m - b))];
        ModelFolder.Write(At("away"), ModelConfig.Tiny, away);
        using var set = new TaskVectorSet(At("base"), [At("0"), At("0"), At("away")]);
        VectorGeometry all = set.InAll(set.Measure());
        Assert.That(all.Cosine(0, 1), Is.EqualTo(1).Within(1e-15));
        Assert.That(all.PairConflictShare(0, 1), Is.Zero);
        Assert.That(all.Cosine(0, 2), Is.EqualTo(-1).Within(1e-6)); // float32 rounds base - t
        Assert.That(all.PairConflictShare(2, 0), Is.EqualTo(1));
    }

    [Test]
    public void Sums_are_rounded_once()
    {
        using TaskVectorSet set = Open();
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, ModelConfig.Tiny);
        double[][] t = [.. _models.Select(m => TaskVectorReference.Of(m, _base))];
        set.Write([0.5, -1, 2], model);
        foreach (ParameterSlice slice in s_layout.Slices)
            Tensors.AssertRounded(model.Set[slice.Name].ToArray(),
                [.. Enumerable.Range((int)slice.Offset, (int)slice.Length)
                    .Select(i => _base[i] + 0.5 * t[0][i] - t[1][i] + 2 * t[2][i])]);
        set.Write([1, 0, 0], model);
        foreach (ParameterSlice slice in s_layout.Slices)
            Assert.That(model.Set[slice.Name].ToArray(),
                Is.EqualTo(_models[0].AsSpan((int)slice.Offset, (int)slice.Length).ToArray()), slice.Name);
    }

    [Test]
    public void Other_sizes_and_numbers_that_are_none_are_refused()
    {
        ModelConfig other = ModelConfig.Tiny with { Heads = 8 };
        ModelFolder.Write(At("heads"), other, Tensors.Normal(5, (int)new ParameterLayout(other).TotalLength));
        Assert.That(() => new TaskVectorSet(At("base"), [At("0"), At("heads")]),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                $"{At("heads")} does not fit {At("base")}: n_head is 8 and 4"));
        float[] bad = [.. _base];
        bad[s_layout["h.0.ln_2.bias"].Offset] = float.NaN;
        ModelFolder.Write(At("bad"), ModelConfig.Tiny, bad);
        using var set = new TaskVectorSet(At("base"), [At("bad")]);
        Assert.That(() => set.Measure(), Throws.TypeOf<UserException>().With.Message.Contains("h.0.ln_2.bias")
            .And.Message.Contains(At("bad")));
    }

    [Test]
    public void Sums_have_the_names_that_a_reader_writes()
    {
        Assert.That(VectorSum.Usual(2).Select(s => s.Name),
            Is.EqualTo((string[])["A", "B", "A + B", "-A", "-B"]));
        Assert.That(VectorSum.Usual(1).Select(s => s.Name), Is.EqualTo((string[])["A", "-A"]));
        VectorSum analogy = VectorSum.Analogy("C, a,B", 3, "Analogy");
        Assert.That(analogy.Name, Is.EqualTo("C + A - B"));
        Assert.That(analogy.Signs, Is.EqualTo((double[])[1, -1, 1]));
        foreach (string wrong in (string[])["A,B", "A,B,D", "A,A,B", "", "1,2,3", "AB,C,D"])
            Assert.That(() => VectorSum.Analogy(wrong, 3, "Analogy"), Throws.TypeOf<UserException>(), wrong);
    }
}
