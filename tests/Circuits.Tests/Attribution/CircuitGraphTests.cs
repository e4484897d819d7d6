using HeadTap.Models;

namespace HeadTap.Circuits.Tests;

public sealed class CircuitGraphTests
{
    [Test]
    public void Gpt2_small_has_the_published_number_of_edges()
        => Assert.That(new CircuitGraph(Gpt2.Small).Edges, Is.EqualTo(32_491)); // Hanna et al. 2024

    [Test]
    public void Every_edge_has_one_index_and_leads_forward()
    {
        var graph = new CircuitGraph(AttributionModel.Config);
        Assert.That(graph.Edges, Is.EqualTo(9 * 1 + 4 + 9 * 5 + 8 + 9));
        var names = new HashSet<string>();
        for (int e = 0; e < graph.Edges; e++)
        {
            (int writer, int reader) = graph.EndsOf(e);
            Assert.That(graph.IndexOf(writer, reader), Is.EqualTo(e));
            Assert.That(names.Add(graph.NameOf(e)));
            (CircuitNode from, CircuitNode to) = (graph.Writers[writer], graph.Readers[reader].Node);
            if (from.Kind != NodeKind.Input && to.Kind != NodeKind.Logits)
                Assert.That(from.Layer < to.Layer
                    || (from.Layer == to.Layer && from.Kind == NodeKind.Head && to.Kind == NodeKind.Mlp));
        }
        Assert.That(names, Is.SupersetOf((string[])["a0.h2->a1.h1<k>", "input->m1", "m1->logits"]));
        Assert.That(graph.Writers[graph.HeadWriter(1, 2)].Name, Is.EqualTo("a1.h2"));
        Assert.That(graph.Writers[graph.MlpWriter(1)].Name, Is.EqualTo("m1"));
        Assert.That(graph.Readers[graph.HeadReader(1, 2, ReaderInput.V)].Name, Is.EqualTo("a1.h2<v>"));
        Assert.That(graph.Readers[graph.MlpReader(0)].Name, Is.EqualTo("m0"));
        Assert.That(graph.Readers[graph.LogitsReader].Name, Is.EqualTo("logits"));
    }

    static int Edge(CircuitGraph graph, string name)
        => Enumerable.Range(0, graph.Edges).Single(e => graph.NameOf(e) == name);

    [Test]
    public void A_circuit_keeps_what_lies_on_a_path_from_embeddings_to_logits()
    {
        var graph = new CircuitGraph(AttributionModel.Config);
        string[] kept = ["input->a0.h1<k>", "a0.h1->m0", "m0->logits", "input->a1.h0<v>", "a1.h0->logits"];
        string[] dropped = ["a0.h2->a1.h0<q>", "input->a1.h2<q>", "m0->a1.h1<v>"]; // no way in, none out
        var circuit = new EdgeCircuit(graph, kept.Concat(dropped).Select(name => Edge(graph, name)));
        Assert.That(circuit.Edges.Select(graph.NameOf), Is.EquivalentTo(kept));
        Assert.That(circuit.Nodes.Select(n => n.Name),
            Is.EqualTo((string[])["input", "a0.h1", "m0", "a1.h0", "logits"]));
    }

    [Test]
    public void The_largest_edges_of_either_sign_are_taken()
    {
        var graph = new CircuitGraph(AttributionModel.Config);
        double[] effects = new double[graph.Edges];
        effects[Edge(graph, "input->m1")] = -3;
        effects[Edge(graph, "m1->logits")] = 2;
        effects[Edge(graph, "input->logits")] = 0.5;
        Assert.That(EdgeCircuit.Largest(graph, effects, 2).Edges, Has.Count.EqualTo(2));
        Assert.That(EdgeCircuit.Largest(graph, effects, 1).Edges, Is.Empty, "half a path is none");
        Assert.That(EdgeCircuit.Above(graph, effects, 0.5).Edges, Has.Count.EqualTo(3));
        Assert.That(EdgeCircuit.Above(graph, effects, 0.6).Edges, Has.Count.EqualTo(2));
    }
}
